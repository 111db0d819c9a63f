"""Samples of a data set: what was around each, what it shows and what it teaches."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from simscale_gym.agents.expert import PLAN_STRIDE
from simscale_gym.browser.subject import DrawnWay, Subject
from simscale_gym.datagen import DataSample, DataSet
from simscale_gym.datagen.collection import open_scene
from simscale_gym.datagen.sample import SCORES
from simscale_gym.datagen.spec import DataSpec
from simscale_gym.errors import DataError
from simscale_gym.geometry import se2
from simscale_gym.scene import DT, Scene
from simscale_gym.sim import SimState, TrafficState
from simscale_gym.sources import find_scene, list_scenes
from simscale_gym.viewer.bev import LOG, PERTURBED, PLAN


class SamplePrograms:
    """The samples of a data set.

    Args:
        data_set: The data set.
        scene: Id of the scene whose first sample is shown first; the first one of all if None.

    Raises:
        DataError: It holds no samples, or none of that scene.
    """

    kind = "sample"

    def __init__(self, data_set: DataSet, scene: str | None = None) -> None:
        self._data_set = data_set
        self._rows = data_set.rows.to_pylist()
        ids = [row["scene"] for row in self._rows]
        if not ids or (scene is not None and scene not in ids):
            found = f"samples of {len(set(ids))} scenes, none of {scene}" if ids else "no samples"
            raise DataError(
                data_set.folder, found=found, expected="a sample", hint="Name a scene that it has."
            )
        self.first = 0 if scene is None else ids.index(scene)
        self.titles = [_title(row) for row in self._rows]

    def open(self, index: int) -> Subject:
        """Sample ``index``."""
        row = self._rows[index]
        part = (self._data_set.folder / row["shard"]).parents[1]
        recipe = self._data_set.recipes[self._data_set.parts.index(part)]
        spec = DataSpec.from_plain(recipe["spec"]).in_folder(part)
        refs = list_scenes(spec.scenes, spec.split)
        ref = find_scene(refs, row["scene"])
        scene = open_scene(ref, None if spec.assets is None else Path(spec.assets))
        sample = self._data_set.read(row)
        states = moment_states(scene, sample)
        step = sample.moments.row(0)
        label = se2.poses_to_world(sample.moments.present, sample.arrays.target_10hz.astype(float))
        ways = (
            DrawnWay("recorded way", scene.ego.poses, LOG),
            DrawnWay("way to here", np.stack([state.ego[:3] for state in states[: step + 1]]), PERTURBED),
            DrawnWay("label", np.concatenate([sample.moments.present[None], label]), PLAN),
        )
        pictures = {name: picture for name, picture in sample.pictures.items() if "." not in name}
        return Subject(
            _title(row), scene, states, ref, "constant_velocity", False, PLAN_STRIDE * DT, step, ways, _notes(row),
            pictures,
        )  # fmt: skip


def moment_states(scene: Scene, sample: DataSample) -> tuple[SimState, ...]:
    """The moments of a sample as states of its scene, 0.5 s apart; others than it kept are not there."""
    moments, tracks = sample.moments, scene.tracks
    row_of = {name: row for row, name in enumerate(tracks.ids)}
    rows = np.array([row_of[name] for name in moments.ids.tolist()], int)
    flat = moments.poses.reshape(-1, 3).astype(float)
    poses = se2.poses_to_world(moments.present, flat).reshape(moments.poses.shape)
    turn = np.array([0.0, 0.0, moments.present[2]])
    velocities = se2.points_to_world(turn, moments.velocities.reshape(-1, 2).astype(float)).reshape(
        len(rows), -1, 2
    )
    states = []
    for k, step in enumerate(moments.steps.tolist()):
        place, speed, valid = (
            np.zeros((len(tracks), 3)),
            np.zeros((len(tracks), 2)),
            np.zeros(len(tracks), bool),
        )
        place[rows], speed[rows], valid[rows] = poses[:, k], velocities[:, k], moments.valid[:, k]
        frame = int(sample.row["present"]) + PLAN_STRIDE * step
        states.append(SimState(frame, moments.ego[k], TrafficState(place, speed, valid)))
    return tuple(states)


def _title(row: Mapping[str, object]) -> str:
    return f"{row['scene']} at {DT * row['present']:.1f} s, {row['expert']}, round {row['round'] + 1}"


def _notes(row: Mapping[str, object]) -> str:
    plain = {
        "key": row["key"], "kind": row["kind"], "expert": row["expert"], "round": row["round"],
        "leaves the log at": f"{DT * row['frame']:.1f} s", "now": f"{DT * row['present']:.1f} s",
        "off the log": f"{row['offset_along']:+.1f} m along, {row['offset_across']:+.2f} m across, "
        f"{np.degrees(row['offset_turn']):+.0f}°",
        "label depends on who is not seen": "yes" if row["depends_on_unseen"] else "no",
    }  # fmt: skip
    lines = [f"- {name}: {value}" for name, value in plain.items()]
    lines += ["", "| | label | way off the log |", "|---|---|---|"]
    for code in SCORES:
        cells = (row[f"{what}_{code}"] for what in ("label", "perturbation"))
        shown = ("-" if value is None else f"{value:.2f}" for value in cells)
        lines.append(f"| {'EPDMS' if code == 'score' else code.upper()} | " + " | ".join(shown) + " |")
    return "\n".join(lines)
