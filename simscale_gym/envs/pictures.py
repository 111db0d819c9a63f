"""What an environment's cameras see: drawn or recorded once per state, judged, and put through their effects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simscale_gym.envs.drive import Drive
from simscale_gym.envs.renderers import Renderers
from simscale_gym.one_line import one_line
from simscale_gym.rendering.recorded import check_recorded, is_of_log, recorded_images
from simscale_gym.scene import Moment, Scene, StateIndex
from simscale_gym.sim import SimState, moment_of
from simscale_gym.splats.camera_effects import MOST_LOST, CameraEffects, apply_effects, shown_frame
from simscale_gym.splats.render_validity import RenderQuality, ViewedFrame
from simscale_gym.splats.shutter import CameraMotion

_KEPT = MOST_LOST + 1  # states whose pictures are remembered where frames get lost


@dataclass(frozen=True, eq=False)
class Drawn:
    """The pictures of one state.

    Attributes:
        state: State of the simulation that was drawn.
        pictures: uint8 ``[C, H, W, 3]``.
        viewed: What the rasteriser knows of the pictures; None where no effect needs it.
        quality: Scores of how far the pictures can be trusted.
        source: One of :data:`simscale_gym.rendering.recorded.CAMERA_SOURCES`.
    """

    state: SimState
    pictures: NDArray[np.uint8]
    viewed: ViewedFrame | None
    quality: RenderQuality
    source: str = "render"

    __repr__ = one_line


class Pictures:
    """The cameras of an environment and of its forks.

    Args:
        renderers: Renderers that draw the cameras, by scene.
        cameras: Names of the cameras.
        size: Height, width [px].
        effects: Exposure, noise and the like of the cameras; None shows what was drawn.
        source: "log" shows the log's own pictures where a state is the log's.
    """

    def __init__(
        self,
        renderers: Renderers,
        cameras: Sequence[str],
        size: tuple[int, int],
        effects: CameraEffects | None,
        source: str = "render",
    ) -> None:
        self._renderers, self._cameras, self._size = renderers, tuple(cameras), size
        self._effects, self._source = effects, source
        self._kept = _KEPT if effects is not None and effects.drop_rate > 0.0 else 1
        self._bends = effects is not None and effects.moves
        self._recent: tuple[Drawn, ...] = ()

    def drawn(self, drive: Drive, row: int | None = None) -> dict[str, NDArray[np.uint8]]:
        """Pictures ``[H, W, 3]`` by camera, as they were drawn, at a row of the history; the present if None."""
        if not self._cameras:
            return {}
        row = len(drive.history) - 1 if row is None else row
        return dict(zip(self._cameras, self._of(drive, row).pictures, strict=True))

    def quality(self, drive: Drive) -> RenderQuality:
        """Scores of how far the present pictures can be trusted."""
        return self._of(drive, len(drive.history) - 1).quality

    def source(self, drive: Drive) -> str:
        """Whether the present pictures were drawn ("render") or recorded ("log")."""
        return self._of(drive, len(drive.history) - 1).source

    def recorded_frames(self, scene: Scene, frames: Sequence[int]) -> Sequence[int]:
        """Those of ``frames`` that the log has pictures of; all where pictures are drawn, or there are none.

        Raises:
            SceneError: The log's pictures are asked for, and its source knows of none.
        """
        if self._source != "log":
            return frames
        check_recorded(scene, self._cameras)
        return [k for k in frames if scene.recorded.files(self._cameras, k)] or frames

    def observed(self, drive: Drive) -> dict[str, NDArray[np.uint8]]:
        """Pictures ``[H, W, 3]`` by camera, as the cameras took them; the caller's own."""
        if self._effects is None:
            return {name: picture.copy() for name, picture in self.drawn(drive).items()}
        shown = self._shown(drive)
        taken = {row: self._taken(drive, row) for row in set(shown.values())}
        return {name: taken[row][n] for n, (name, row) in enumerate(shown.items())}

    def dropped(self, drive: Drive) -> dict[str, bool]:
        """Whether each camera lost the present frame and shows an older one, by the camera's name."""
        if self._effects is None:
            return dict.fromkeys(self._cameras, False)
        return {name: row < len(drive.history) - 1 for name, row in self._shown(drive).items()}

    def _shown(self, drive: Drive) -> dict[str, int]:
        """Row of the history that each camera shows."""
        first, now, last = drive.start.states[-1].frame, drive.state.frame, len(drive.history) - 1
        seed = drive.start.camera_seed
        shown = {name: shown_frame(self._effects, seed, name, now, first) for name in self._cameras}
        return {name: last - (now - frame) for name, frame in shown.items()}

    def _taken(self, drive: Drive, row: int) -> NDArray[np.uint8]:
        """Pictures ``[C, H, W, 3]`` that the cameras took at a row of the history."""
        drawn = self._of(drive, row)
        return apply_effects(
            drawn.pictures,
            self._effects,
            cameras=self._cameras,
            seed=drive.start.camera_seed,
            frame=drawn.state.frame,
            viewed=drawn.viewed,
            motion=camera_motion(drive.scene, drawn.state, self._cameras),
        )

    def _of(self, drive: Drive, row: int) -> Drawn:
        """The pictures at a row of the history; drawn once per state."""
        state, before = drive.history[row], drive.history[max(row - 1, 0)]
        found = self._known(state)
        if found is None:
            (found,) = draw_moments([Wanted(self, drive.scene, state, moment_of(drive.scene, state, before))])
        return found

    def wanted(self, drive: Drive) -> Wanted | None:
        """What is to be drawn for the present pictures of ``drive``; None where they are there."""
        state, before = drive.state, drive.history[max(len(drive.history) - 2, 0)]
        if not self._cameras or self._known(state) is not None:
            return None
        return Wanted(self, drive.scene, state, moment_of(drive.scene, state, before))

    def _known(self, state: SimState) -> Drawn | None:
        return next((drawn for drawn in self._recent if drawn.state is state), None)

    def keep(self, drawn: Drawn) -> None:
        """Remember the pictures of a state."""
        self._recent = (*self._recent, drawn)[-self._kept :]

    def recorded(self, wanted: Wanted) -> Drawn | None:
        """The log's pictures of a state, where they are asked for and it is the log's; None where there are none."""
        scene, state = wanted.scene, wanted.state
        if self._source != "log" or not is_of_log(scene, wanted.moment, state.frame):
            return None
        images = recorded_images(scene, state.frame, self._cameras, self._size)
        return (
            images
            if images is None
            else Drawn(state, images, None, RenderQuality.of_recorded(self._cameras), "log")
        )

    def draw(self, wanted: Sequence[Wanted]) -> list[Drawn]:
        """Draw what these cameras, and others like them, are to see of one scene, in one call."""
        frame = self._renderers.drawing(wanted[0].scene).render(
            [entry.moment for entry in wanted], self._cameras, self._size
        )
        viewed = [frame.viewed(n) if self._bends else None for n in range(len(wanted))]
        return [
            Drawn(entry.state, frame.images[n], viewed[n], frame.qualities[n])
            for n, entry in enumerate(wanted)
        ]


@dataclass(frozen=True, eq=False)
class Wanted:
    """Pictures that are to be drawn.

    Attributes:
        pictures: Cameras that will show them.
        scene: Scene of the moment.
        state: State of the simulation.
        moment: What they show.
    """

    pictures: Pictures
    scene: Scene
    state: SimState
    moment: Moment


def draw_moments(wanted: Sequence[Wanted]) -> list[Drawn]:
    """Draw the pictures ``wanted`` by cameras of the same settings, all of a scene in one call; each keeps its own.

    They are returned as well, for who shares cameras with others: these may have drawn something else meanwhile.
    """
    drawn = {n: entry.pictures.recorded(entry) for n, entry in enumerate(wanted)}
    by_scene: dict[str, list[int]] = {}
    for n, entry in enumerate(wanted):
        if drawn[n] is None:
            by_scene.setdefault(entry.scene.id, []).append(n)
    for rows in by_scene.values():
        entries = [wanted[n] for n in rows]
        drawn.update(zip(rows, entries[0].pictures.draw(entries), strict=True))
    for n, entry in enumerate(wanted):
        entry.pictures.keep(drawn[n])
    return list(drawn.values())


def camera_motion(scene: Scene, state: SimState, cameras: Sequence[str]) -> CameraMotion:
    """Motion of the named cameras at ``state``."""
    mounts = np.stack([camera.cam_to_ego for camera in scene.rig.select(tuple(cameras))])
    velocity = state.ego[[StateIndex.VX, StateIndex.VY]]
    return CameraMotion.of_ego(mounts, velocity, float(state.ego[StateIndex.YAW_RATE]))
