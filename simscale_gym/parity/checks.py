"""What of ours is compared with what of NAVSIM's, list by list of a fixtures file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.reactive.idm import IDMConfig, idm_acceleration
from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.metrics import (
    COLUMNS,
    Agents,
    MapLayers,
    Scores,
    Situation,
    extended_comfort,
    forecast,
    gaussian_weights,
    interpolate_history,
    score,
    without_touching,
)
from simscale_gym.parity.navsim_traffic import drive_case
from simscale_gym.parity.pdm_closed import plan_case
from simscale_gym.scene import DT, StateIndex, TrackType
from simscale_gym.sim import plan_to_poses, track

Array = NDArray[np.float64]
Item = Mapping[str, Any]

TOLERANCE = 1e-6
"""Two numbers agree within this (metres, radians, scores)."""
PLAN_INTERVAL = 0.5
"""Time between the poses of an agent's plan [s]."""

_NAVSIM_BITS = 7  # EgoArea bits that NAVSIM has
_SUBSCORES = {code: name for code, name in COLUMNS.items() if code != "ec"}


@dataclass
class Agreement:
    """Agreement of the values of one kind.

    Attributes:
        group: The list that they stand in, and the part of it.
        name: Name of the values.
        agree, total: Numbers of values that agree, and of all.
        worst: Largest difference.
    """

    group: str
    name: str
    agree: int = 0
    total: int = 0
    worst: float = 0.0


@dataclass
class Report:
    """Agreements by list and name, in the order in which they came."""

    rows: dict[tuple[str, str], Agreement] = field(default_factory=dict)

    def add(self, group: str, name: str, ours: Any, theirs: Any, *, angle: int | None = None) -> None:
        """Compare values, one for each entry of the first axis.

        Args:
            group: Name of the list that they stand in.
            name: Name of the values, such as a subscore.
            ours: ``[n, ...]`` values of this package.
            theirs: ``[n, ...]`` values of NAVSIM.
            angle: Column of the last axis that is an angle; None for none.
        """
        ours, theirs = np.asarray(ours, float), np.asarray(theirs, float)
        if ours.shape != theirs.shape:
            raise ValueError(f"{name} has shape {theirs.shape}, expected {ours.shape}")
        difference = np.abs(ours - theirs)
        if angle is not None:
            difference[..., angle] = np.abs(wrap_angle(difference[..., angle]))
        largest = difference.reshape(len(difference), -1).max(1) if difference.size else np.zeros(len(ours))
        row = self.rows.setdefault((group, name), Agreement(group, name))
        row.agree += int((largest <= TOLERANCE).sum())  # NaN does not agree
        row.total += len(largest)
        row.worst = max([row.worst, *largest])

    @property
    def agrees(self) -> bool:
        """Whether there was something to compare and all of it agrees."""
        return bool(self.rows) and all(row.agree == row.total for row in self.rows.values())


def make_situation(item: Item) -> Situation:
    """A fixture's situation, with the history that NAVSIM put before its proposals."""
    polygons = item["map"]
    layers = MapLayers(
        tuple(np.array(p["coords"], float) for p in polygons),
        tuple(p["layer"] for p in polygons),
        tuple(p["token"] for p in polygons),
    )
    return Situation(
        map=layers,
        centerline=np.array(item["centerline"], float),
        route_lane_ids=item["route_lane_ids"],
        agents=make_agents(item["agents"], len(item["red_light_lanes_per_step"])),
        red_lights=item["red_light_lanes_per_step"],
        history=np.array(item["history_states_10hz"], float),
    )


def make_agents(items: list[Item], steps: int) -> Agents:
    """A fixture's agents over ``steps`` steps; absent ones are null there."""
    states = np.array([[s or [0.0] * 5 for s in item["states"]] for item in items], float).reshape(
        -1, steps, 5
    )
    valid = np.array([[s is not None for s in item["states"]] for item in items], bool).reshape(-1, steps)
    sizes = np.array([[item["length"], item["width"]] for item in items], float).reshape(-1, 1, 2)
    return Agents(
        tuple(item["token"] for item in items),
        np.array([TrackType[item["type"]] for item in items], np.uint8),
        np.concatenate([states[..., :3], np.broadcast_to(sizes, (len(items), steps, 2))], -1),
        states[..., 3:],
        valid,
    )


def _stacked(items: list[Item], *keys: str) -> list[Any]:
    out = items
    for key in keys:
        out = [item[key] for item in out]
    return out


def _steps(values: list[int | None], none: int) -> list[int]:
    return [none if value is None else value for value in values]


def _named(scores: Scores) -> Iterator[tuple[str, Array]]:
    for code, name in _SUBSCORES.items():
        yield name, getattr(scores, code)
    yield "pdm_score", scores.total


def _check_situation(report: Report, item: Item, situations: Mapping[str, tuple[Situation, Array]]) -> None:
    situation, ego = situations[item["name"]]
    plans = item["trajectories"]
    states = np.array(_stacked(plans, "states"), float)
    batch, alone = score(situation, states), score(situation, states, history=False)
    expected = score(forecast(situation, ego), states, history=False)  # as PDM-Closed scores its proposals
    pairs = [score(situation, states[[item["reference_index"], i]]).take([1]) for i in range(len(states))]
    for name, values in _named(batch):
        report.add("situations: batch", name, values, _stacked(plans, "batch", name))
    for name in ("history_comfort", "pdm_score"):
        report.add(
            "situations: no history",
            name,
            dict(_named(alone))[name],
            _stacked(plans, "batch_no_history", name),
        )
    for name, _ in _named(batch):
        ours = np.concatenate([dict(_named(pair))[name] for pair in pairs])
        report.add("situations: pair", name, ours, _stacked(plans, "pair", name))
    for name, values in _named(expected):
        if name in plans[0]["forecast_observation"]:
            report.add("situations: forecast", name, values, _stacked(plans, "forecast_observation", name))
    details = "situations: details"
    steps = situation.steps
    report.add(details, "progress_raw", batch.progress, _stacked(plans, "progress_raw"))
    report.add(
        details, "collision_step", batch.collision_step, _steps(_stacked(plans, "collision_step"), steps)
    )
    report.add(details, "ttc_step", batch.ttc_step, _steps(_stacked(plans, "ttc_step"), steps))
    report.add(details, "comfort_flags", batch.comfort, _stacked(plans, "comfort_flags"))
    report.add(details, "ego_area_bits", batch.areas & _NAVSIM_BITS, _stacked(plans, "ego_area_bits"))
    history = interpolate_history(np.array(item["past_times"], float), np.array(item["past_states"], float))
    report.add(details, "history_states", [history], [item["history_states_10hz"]], angle=StateIndex.HEADING)
    tracked = [plan for plan in plans if plan["kind"] == "lqr"]
    if tracked:
        ours = track(ego, np.array(_stacked(tracked, "reference_poses"), float))
        report.add(details, "tracker_states", ours, _stacked(tracked, "states"), angle=StateIndex.HEADING)


def _check_extended_comfort(report: Report, item: Item, _: object) -> None:
    previous, current = np.array(item["previous_states"], float), np.array(item["current_states"], float)
    ec, rms = extended_comfort(previous, current, item["interval_s"])
    report.add("extended_comfort", COLUMNS["ec"], ec, [item[COLUMNS["ec"]]])
    for i, name in enumerate(("acceleration", "jerk", "yaw_rate", "yaw_accel")):
        report.add("extended_comfort", f"rms {name}", rms[:, i], [item["rms"][name]])


def _check_end_to_end(report: Report, item: Item, situations: Mapping[str, tuple[Situation, Array]]) -> None:
    situation, ego = situations[item["situation"]]
    replay = without_touching(situation, ego)
    plans = [
        plan_to_poses(ego[:3], np.array(item[f"{who}_poses_ego_frame_2hz"], float), PLAN_INTERVAL)
        for who in ("model", "human")
    ]
    states = track(ego, np.stack([np.array(item["pdm_reference_states"], float)[:, :3], *plans]))
    unfiltered = score(replay, states[:2]).take([1])
    filtered = unfiltered.human_filtered(score(replay, states[2:], history=False))
    group = "end_to_end"
    report.add(group, "simulated_states", states[1:2], [item["simulated_states"]], angle=StateIndex.HEADING)
    removed = set(situation.agents.tokens) - set(replay.agents.tokens)
    report.add(group, "agents removed", [float(removed == set(item["agents_removed_by_log_replay"]))], [1.0])
    for part, scores in (("unfiltered", unfiltered), ("filtered", filtered)):
        for name, values in _named(scores):
            if name != "pdm_score":
                report.add(f"{group}: {part}", name, values, [item[part][name]])
        weighted = [*(getattr(scores, code)[0] for code in ("ep", "ttc", "lk", "hc")), 0.0]
        report.add(f"{group}: {part}", "weighted_metrics", [weighted], [item[part]["weighted_metrics"]])
        product = item[part]["multiplicative_metrics_prod"]
        report.add(f"{group}: {part}", "multiplicative_metrics_prod", scores.product, [product])
        report.add(f"{group}: {part}", "pdm_score_column", unfiltered.total, [item[part]["pdm_score_column"]])
    report.add(group, "final score", filtered.total, [item["final_score_without_ec"]])


def _check_pdm_closed(report: Report, item: Item, _: object) -> None:
    route, ours = plan_case(item)
    stride, group = item["proposal_poses_stride"], "pdm_closed"
    heading = StateIndex.HEADING
    report.add(group, "centerline", [route.ahead.centerline], [item["centerline"]], angle=heading)
    report.add(group, "proposals", ours.proposals.poses[:, ::stride], item["proposal_poses"], angle=heading)
    report.add(group, "simulated_states", ours.driven[:, ::stride], item["simulated_states"], angle=heading)
    columns = ours.scores.columns()
    for name in item["subscores"][0]:
        report.add(group, name, columns[name], _stacked(item["subscores"], name))
    report.add(group, "scores", ours.scores.total, item["scores"])
    report.add(group, "chosen", [ours.chosen], [item["chosen"]])
    report.add(group, "trajectory_poses", [ours.poses], [item["trajectory_poses"]], angle=heading)


def _check_idm_step(report: Report, item: Item, _: object) -> None:
    params, (position, speed), lead = item["params"], item["state"], item["lead"]
    config = IDMConfig(
        min_gap=params["min_gap"],
        headway=params["headway"],
        acceleration=params["accel_max"],
        deceleration=params["decel_max"],
    )
    for name, exponent in (("nuplan_next", 4.0), ("pdm_next", 10.0)):
        acceleration = idm_acceleration(
            np.array(speed), np.array(lead[0] - position - lead[2]), np.array(lead[1]),
            target_speed=np.array(params["target_velocity"]), config=config, exponent=exponent,
        )  # fmt: skip
        dt = item.get("dt", DT)
        report.add(
            "idm_steps", name, [[position + speed * dt, speed + float(acceleration) * dt]], [item[name]]
        )


def _check_aggregation(report: Report, item: Item, _: object) -> None:
    weights = gaussian_weights(
        np.array(item["endpoint"], float), np.array(item["start_points"], float), item["sigma_squared"]
    )
    report.add("aggregation", "weights", [weights], [item["weights"]])
    ours = float(weights @ np.array(item["second_stage_scores"], float))
    report.add("aggregation", "weighted_score", [ours], [item["weighted_score"]])


def _check_idm_traffic(report: Report, item: Item, _: object) -> None:
    ours, theirs = drive_case(item), item["per_step"]
    present = [float(mine.keys() == other.keys()) for mine, other in zip(ours, theirs, strict=True)]
    report.add("idm_traffic", "tokens present", present, np.ones(len(theirs)))
    for mine, other in zip(ours, theirs, strict=True):
        both = [token for token in other if token in mine]
        states = [mine[token] for token in both]
        report.add("idm_traffic", "x, y, heading, vx, vy", states, [other[token] for token in both], angle=2)


CHECKS: dict[str, Callable[[Report, Item, Mapping[str, tuple[Situation, Array]]], None]] = {
    "situations": _check_situation,
    "extended_comfort": _check_extended_comfort,
    "end_to_end": _check_end_to_end,
    "pdm_closed": _check_pdm_closed,
    "idm_steps": _check_idm_step,
    "idm_traffic": _check_idm_traffic,
    "aggregation": _check_aggregation,
}
"""Functions that compare an item, by list."""
