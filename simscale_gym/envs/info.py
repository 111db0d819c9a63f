"""What a step tells beside observation and reward."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simscale_gym.envs.actions import ActionType, of_expert
from simscale_gym.envs.drive import Drive
from simscale_gym.metrics import running_columns
from simscale_gym.perturbation import REJECTIONS
from simscale_gym.scene import DT, Scene, TrackType
from simscale_gym.sim import Controller, state_hash
from simscale_gym.splats.render_validity import RenderQuality, can_be_trusted

PERSON_TYPES = {TrackType.PEDESTRIAN, TrackType.BICYCLE}
"""Types of tracks that are people."""


def frame_time_us(scene: Scene, frame: int) -> int:
    """Timestamp of ``frame`` [us], also past the log's end."""
    return int(times_us(scene.timestamps_us[0], frame))


def times_us(first: ArrayLike, frames: ArrayLike) -> NDArray[np.int64]:
    """Timestamps ``[...]`` of ``frames`` [us], of clips that begin at ``first`` [us]."""
    return np.asarray(first) + np.rint(np.asarray(frames) * DT * 1e6).astype(np.int64)


def state_info(drive: Drive) -> dict[str, Any]:
    """The entries of ``info`` that say where the simulation stands."""
    scene, state, outcome = drive.scene, drive.state, drive.outcome
    return {
        "scene": scene.id,
        "time_us": frame_time_us(scene, state.frame),
        "ego_state": state.ego.copy(),
        "epdms": running_columns(drive.subscores),
        "arrive_dest": outcome.arrived,
        "out_of_road": outcome.out_of_road,
        "left_road": outcome.left_road,
        "crash_vehicle": TrackType.VEHICLE in outcome.contact,
        "crash_pedestrian": bool(outcome.contact & PERSON_TYPES),
        "crash_object": bool(outcome.contact - PERSON_TYPES - {TrackType.VEHICLE}),
        "at_fault": bool(outcome.at_fault),
        "route_completion": drive.completion,
        **{name: entry(drive) for name, entry in DEAR_ENTRIES.items()},
    }


def reset_info(drive: Drive) -> dict[str, Any]:
    """How the start was found."""
    start = drive.start
    return {
        "perturbed": start.perturbed,
        "attempts": start.attempts,
        "rejections": dict.fromkeys(REJECTIONS, 0) | start.rejections,
    }


def controllers(drive: Drive) -> NDArray[np.uint8]:
    """A :class:`simscale_gym.sim.Controller` for each track ``[N]``; UNNAMED where the traffic model does not say."""
    traffic = drive.state.traffic
    if hasattr(drive.traffic, "controllers"):
        return drive.traffic.controllers(drive.scene, traffic)
    return np.where(traffic.valid, Controller.UNNAMED, Controller.ABSENT).astype(np.uint8)


DEAR_ENTRIES: Mapping[str, Callable[[Drive], Any]] = {
    "controllers": controllers,
    "reset": reset_info,
    "inferred": lambda drive: drive.scene.inferred,
    "state_hash": lambda drive: state_hash(drive.state),
}
"""Entries of ``info`` that are no single numbers; a vector environment works them out when they are read."""


def expert_info(drive: Drive, action: ActionType) -> dict[str, Any]:
    """Entries ``expert``, by name, and ``expert_action``: the first valid expert's, or the first's where none is."""
    entries = {
        name: {
            "trajectory": plan.trajectory,
            "action": of_expert(action, drive.scene.vehicle, drive.state.ego, plan),
            "scores": dict(plan.scores),
            "valid": plan.valid,
        }
        for name, plan in drive.plans.items()
    }
    if not entries:
        return {"expert": {}}
    chosen = next((entry for entry in entries.values() if entry["valid"]), next(iter(entries.values())))
    return {"expert": entries, "expert_action": chosen["action"]}


def picture_info(quality: RenderQuality, dropped: Mapping[str, bool], source: str) -> dict[str, Any]:
    """The entries of ``info`` about pictures; ``dropped`` says which cameras show an older one."""
    return {"render_quality": quality.by_camera(), "dropped_frames": dict(dropped), "picture_source": source}


def seen_truncation(quality: RenderQuality | None, least: float) -> str:
    """Why the episode is cut by what is seen: "out_of_reconstruction", or "" if it is not."""
    return "" if quality is None or can_be_trusted(quality, least) else "out_of_reconstruction"
