"""The samples of one scene: searched, drawn, described, one after the other, so that few are in memory."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.expert import PLAN_STRIDE, Expert
from simscale_gym.agents.log_replay import LogReplay
from simscale_gym.agents.pdm.planner_expert import PlannerExpert
from simscale_gym.agents.traffic import make_traffic
from simscale_gym.datagen.challenge import why_unchallenging
from simscale_gym.datagen.collection import open_scene, search_clips
from simscale_gym.datagen.drives import LOG, Drive, log_drives, perturbed_drives
from simscale_gym.datagen.moments import make_moments
from simscale_gym.datagen.opened_spec import OpenSpec, SceneTask
from simscale_gym.datagen.rollouts import RolloutDrives
from simscale_gym.datagen.sample import HISTORY_POSES, SUBSCORES, DataSample, sample_arrays, score_values
from simscale_gym.datagen.shard import picture_name, sample_key
from simscale_gym.datagen.takeovers import TakeoverDrives
from simscale_gym.datagen.tape import PERSON, Tape
from simscale_gym.datagen.trusted_pictures import TrustedPictures
from simscale_gym.datagen.unseen import REASON, Sight, depends_on_unseen
from simscale_gym.datagen.vocabulary_scores import vocabulary_scores
from simscale_gym.perturbation import Telemetry
from simscale_gym.rendering.recorded import recorded_images
from simscale_gym.scene import Scene
from simscale_gym.sim import TrafficModel

PARTS = ("search", "dress", "draw", "score", "pack", "write")
"""Parts of the work: candidates, drives and their scores; looks; pictures, drawn or read; scores of the vocabulary;
numbers and encoding; the disk."""

_TOGETHER = 8  # samples at most that are drawn in one call
_DRAWN = 2**25  # [byte] of their pictures


class SceneSamples:
    """The samples of a scene, which is dressed once, when its first sample comes.

    Args:
        task: The scene.
        opened: The spec.
        threads: Threads that draw.

    Attributes:
        frames: T of its clips.
        telemetry: What became of the candidates of those that were asked for.
        spent: Processor time by part of the work [s].
    """

    def __init__(self, task: SceneTask, opened: OpenSpec, threads: int = 1) -> None:
        self._spec, self._recipe = opened.spec, opened.recipe
        self._driver, self._scored = opened.driver, opened.scored
        spec = self._spec
        self._scene: Scene = open_scene(task.ref, None if spec.assets is None else Path(spec.assets))
        self._pictures = TrustedPictures(spec.min_render_quality, spec.cameras, threads)
        taped = isinstance(opened.driver, Tape)
        frames = opened.driver.frames(self._scene.id) if taped else spec.frames(self._scene)
        self.frames: Sequence[int] = frames[: task.clips]
        self._experts: Mapping[str, Expert] = {LOG: PlannerExpert()}
        self._traffic: TrafficModel = LogReplay()
        if self._recipe is not None:
            self._experts, self._traffic = self._recipe.make_experts(), make_traffic(self._recipe.traffic)
        if taped:
            self._experts = {PERSON: PlannerExpert(), **self._experts}
        self._sight = Sight(spec.cameras, spec.image_size)
        self.telemetry = Telemetry()
        self.spent = dict.fromkeys(PARTS, 0.0)
        size = len(spec.shown) * len(spec.cameras) * 3 * spec.image_size[0] * spec.image_size[1]
        self._together = max(1, min(_TOGETHER, _DRAWN // max(size, 1)))

    def samples(self, frames: Sequence[int]) -> Iterator[DataSample]:
        """Samples of the clips at ``frames``, in their order."""
        return self.drawn(self.drives(frames))

    def drives(self, frames: Sequence[int]) -> Iterator[Drive]:
        """What the samples of the clips at ``frames`` are made of, in their order; nothing is drawn for them yet."""
        recipe, steps = self._recipe, PLAN_STRIDE * self._spec.moments_ahead
        if recipe is None:
            kept = filter(self._is_challenging, log_drives(self._scene, frames, steps))
            yield from filter(self._is_trusted, filter(self._is_visible, kept))
            return
        if self._driver is not None:
            kept = filter(self._is_visible, self._rollouts(frames))
            yield from filter(self._is_trusted, kept)
            return
        for outcome in search_clips(
            self._scene, frames, recipe, self._experts, self._traffic, self._pictures
        ):
            self.telemetry.add(outcome.telemetry)
            yield from perturbed_drives(self._scene, outcome, self._experts, self._traffic, steps)

    def _rollouts(self, frames: Sequence[int]) -> Iterator[Drive]:
        made = TakeoverDrives if isinstance(self._driver, Tape) else RolloutDrives
        rollouts = made(self._scene, self._spec, self._recipe, self._driver, self.telemetry)
        return (drive for frame in frames for drive in rollouts.drives(frame))

    def drawn(self, drives: Iterable[Drive]) -> Iterator[DataSample]:
        """The sample of each of ``drives``, which are taken a few at a time."""
        left = iter(drives)
        while together := self._next(left):
            for drive, images in zip(together, self._pictures_of(together), strict=True):
                with timed(self.spent, "score"):
                    scores = self._scores(drive)
                with timed(self.spent, "pack"):
                    sample = self._sample(drive, images, scores)
                yield sample

    def _next(self, drives: Iterator[Drive]) -> list[Drive]:
        with timed(self.spent, "search"):
            return list(islice(drives, self._together))

    def _pictures_of(self, drives: Sequence[Drive]) -> NDArray[np.uint8]:
        """``[D, len(spec.shown) * C, H, W, 3]``."""
        spec = self._spec
        shape = (len(drives), len(spec.shown) * len(spec.cameras), *spec.image_size, 3)
        if not spec.cameras:
            return np.zeros(shape, np.uint8)
        return (self._recorded if spec.camera_source == "log" else self._rendered)(drives).reshape(shape)

    def _rendered(self, drives: Sequence[Drive]) -> NDArray[np.uint8]:
        """Pictures ``[len(drives) * len(spec.shown), C, H, W, 3]``, drawn."""
        spec, scene = self._spec, self._scene
        moments = [drive.moment(scene, step) for drive in drives for step in spec.shown]
        with timed(self.spent, "dress"):
            renderer = self._pictures.renderer(scene)
        with timed(self.spent, "draw"):
            return renderer.render(moments, spec.cameras, spec.image_size).images

    def _recorded(self, drives: Sequence[Drive]) -> NDArray[np.uint8]:
        """The same as the log's cameras took them."""
        spec, frames = self._spec, [drive.state(step).frame for drive in drives for step in self._spec.shown]
        with timed(self.spent, "draw"):
            images = [recorded_images(self._scene, k, spec.cameras, spec.image_size) for k in frames]
            return np.stack(images)

    def _scores(self, drive: Drive) -> NDArray[np.float16]:
        if self._scored is None:
            return np.zeros((0, len(SUBSCORES)), np.float16)
        return vocabulary_scores(self._scene, drive, self._scored, human_filter=self._spec.human_filter)

    def _sample(self, drive: Drive, images: NDArray[np.uint8], scores: NDArray[np.float16]) -> DataSample:
        """A drive, its pictures ``[len(spec.shown) * C, H, W, 3]`` and the vocabulary's scores ``[K, 8]``."""
        spec, past, now = self._spec, drive.history(), drive.present
        future = [state.ego for state in drive.future]
        seen = self._sight.seen(self._scene, now)
        arrays = sample_arrays(self._scene, past, now, future, spec.cameras, spec.image_size, scores, seen)
        states = {step: drive.state(step) for step in drive.steps(spec.moments_ahead)}
        names = [picture_name(camera, step) for step in spec.shown for camera in spec.cameras]
        pictures = dict(zip(names, images, strict=True))
        row, moments = (
            self._row(drive, len(arrays.boxes), self._depends(drive)),
            partial(make_moments, self._scene, states),
        )
        driven = {} if drive.step is None else drive.step.arrays
        return DataSample(row, arrays, pictures, moments, driven)

    def _row(self, drive: Drive, boxes: int, depends: bool) -> dict[str, Any]:
        scene, present = self._scene, drive.present.frame
        along, across, turn = drive.offset.tolist()
        scores = {"label": drive.label, "perturbation": drive.perturbation}
        step = {} if drive.step is None else {
            "step": drive.step.index, "by_expert": drive.step.by_expert, "valid": drive.step.valid,
        }  # fmt: skip
        return {
            "key": sample_key(scene.id, drive.frame, drive.expert, drive.round_index, step.get("step")),
            "scene": scene.id, "log": scene.log_id, "source": scene.source, "kind": self._spec.kind,
            "expert": drive.expert, "round": drive.round_index, "vocabulary_index": drive.vocabulary_index,
            "seed": self._spec.seed, "frame": drive.frame, "present": present,
            "timestamp_us": int(scene.timestamps_us[present]),
            "offset_along": along, "offset_across": across, "offset_turn": turn,
            "render_quality": self._quality(drive), "boxes": boxes, "depends_on_unseen": depends, **step,
            **{
                f"{what}_{code}": float(np.float32(value))
                for what, judged in scores.items()
                if judged is not None
                for code, value in score_values(judged).items()
            },
        }  # fmt: skip

    def _is_challenging(self, drive: Drive) -> bool:
        """Whether a drive on the log stays, by how hard it is."""
        if not self._spec.challenging:
            return True
        reason = why_unchallenging(self._scene, drive)
        self.telemetry.one("challenge", reason, expert=drive.expert)
        return not reason

    def _is_visible(self, drive: Drive) -> bool:
        """Whether a drive on the log stays, for the label of which the planner stands in."""
        if not self._spec.visible_only:
            return True
        reason = REASON if self._depends_on_unseen(drive) else ""
        self.telemetry.one("sight", reason, expert=drive.expert)
        return not reason

    def _depends(self, drive: Drive) -> bool:
        hidden = self._spec.cameras and not self._spec.visible_only  # else none is left that does
        return bool(hidden) and self._depends_on_unseen(drive)

    def _depends_on_unseen(self, drive: Drive) -> bool:
        seen, expert = self._sight.seen(self._scene, drive.present), self._experts[drive.expert]
        return depends_on_unseen(self._scene, drive.present, seen, expert, self._traffic, drive.plan)

    def _is_trusted(self, drive: Drive) -> bool:
        least = self._spec.min_render_quality
        shown = map(drive.state, range(1 - HISTORY_POSES, 1))
        return not least or all(self._pictures.score(self._scene, state) >= least for state in shown)

    def _quality(self, drive: Drive) -> float | None:
        """Score of the worst picture now; None where pictures are not judged."""
        if not self._spec.min_render_quality:
            return None
        return float(np.float32(self._pictures.score(self._scene, drive.present)))


@contextmanager
def timed(spent: dict[str, float], part: str) -> Iterator[None]:
    """Add the processor time of the block to ``spent``."""
    began = time.process_time()
    yield
    spent[part] += time.process_time() - began
