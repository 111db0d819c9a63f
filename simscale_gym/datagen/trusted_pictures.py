"""The last filter of samples: what the cameras would see must be what was reconstructed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from simscale_gym.rendering import make_renderer
from simscale_gym.scene import Scene
from simscale_gym.scoring.segment import Segment
from simscale_gym.sim import SimState, moment_of
from simscale_gym.sources import cache_root

if TYPE_CHECKING:
    from simscale_gym.rendering import Renderer

REASON = "out of reconstruction"
"""Reason that samples without trusted pictures are counted under."""

CAMERAS = ("cam_f0", "cam_l0", "cam_r0")
"""What SimScale's planners look through."""

HISTORY = (40, 35, 30, 25)
"""States of a perturbation that a sample shows: the present and 1.5 s before it at 2 Hz, as NAVSIM's; present first."""

FUTURE = (5, 10, 15, 20, 25, 30, 35, 40)
"""States of a label that it shows: SimScale's data set holds their pictures as well, in a part of its own."""

JUDGED_SIZE = (54, 96)
"""Height and width [px] of the pictures that are judged. Their scores are those of four times larger ones within 0.02
in 99 % of 252 views on and off the roads of the town, 0.05 at worst."""


class TrustedPictures:
    """A :data:`simscale_gym.perturbation.PictureFilter`, for clips that come scene by scene.

    A scene is dressed, or its asset opened, when its first sample comes; a state is drawn once, however many samples
    share it.

    Args:
        least: Score that the worst picture of a sample must have, 0 to 1.
        cameras: Names of the cameras whose pictures are judged.
        threads: Threads that draw.
    """

    def __init__(self, least: float, cameras: Sequence[str] = CAMERAS, threads: int = 1) -> None:
        self._least, self._cameras, self._threads = least, tuple(cameras), threads
        self._scene: Scene | None = None
        self._renderer: Renderer | None = None
        self._scores: WeakKeyDictionary[SimState, float] = (
            WeakKeyDictionary()
        )  # segments of past clips are gone

    def __call__(self, scene: Scene, perturbation: Segment, label: Segment) -> str:
        """Why the sample falls, or ""."""
        shown = [perturbation.states[k] for k in HISTORY] + [label.states[k] for k in FUTURE]
        return "" if all(self.score(scene, state) >= self._least for state in shown) else REASON

    def score(self, scene: Scene, state: SimState) -> float:
        """Score of the worst camera at ``state``, 0 to 1."""
        if state not in self._scores:
            self._scores[state] = self._drawn_score(scene, state)
        return self._scores[state]

    def renderer(self, scene: Scene) -> Renderer:
        """What draws ``scene``; the last one is kept."""
        if self._scene is not scene:
            looks = cache_root() / "looks"
            self._scene, self._renderer = scene, make_renderer(scene, cache=looks, threads=self._threads)
        return self._renderer

    def _drawn_score(self, scene: Scene, state: SimState) -> float:
        moments = [moment_of(scene, state)]
        frame = self.renderer(scene).render(moments, self._cameras, JUDGED_SIZE)
        return frame.qualities[0].score
