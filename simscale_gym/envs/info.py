"""What a step tells beside observation and reward."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simscale_gym.agents.expert import ExpertPlan
from simscale_gym.envs.actions import ActionType
from simscale_gym.envs.drive import Drive
from simscale_gym.metrics import running_columns
from simscale_gym.scene import DT, Scene, TrackType
from simscale_gym.sim import SimState, TrafficModel, state_hash
from simscale_gym.splats.render_validity import RenderQuality, can_be_trusted

_PERSONS = {TrackType.PEDESTRIAN, TrackType.BICYCLE}


def frame_time_us(scene: Scene, frame: int) -> int:
    """Timestamp of ``frame`` [us], also past the log's end."""
    return int(scene.timestamps_us[0]) + round(frame * DT * 1e6)


def state_info(drive: Drive, traffic: TrafficModel) -> dict[str, Any]:
    """The entries of ``info`` that say where the simulation stands."""
    scene, state, outcome, start = drive.scene, drive.state, drive.outcome, drive.start
    name_controllers = getattr(traffic, "controllers", None)
    return {
        "scene": scene.id,
        "time_us": frame_time_us(scene, state.frame),
        "ego_state": state.ego.copy(),
        "epdms": running_columns(drive.subscores),
        "controllers": name_controllers(scene, state.traffic) if name_controllers else {},
        "reset": {
            "perturbed": start.perturbed,
            "attempts": start.attempts,
            "rejections": dict(start.rejections),
        },
        "arrive_dest": outcome.arrived,
        "out_of_road": outcome.out_of_road,
        "crash_vehicle": TrackType.VEHICLE in outcome.contact,
        "crash_pedestrian": bool(outcome.contact & _PERSONS),
        "crash_object": bool(outcome.contact - _PERSONS - {TrackType.VEHICLE}),
        "at_fault": bool(outcome.at_fault),
        "route_completion": drive.completion,
        "inferred": scene.inferred,
        "state_hash": state_hash(state),
    }


def expert_info(
    scene: Scene, state: SimState, plans: Mapping[str, ExpertPlan], action: ActionType
) -> dict[str, Any]:
    """``expert`` by name, and ``expert_action``: of the first valid expert, of the first where none is."""
    entries = {
        name: {
            "trajectory": plan.trajectory,
            "action": action.of_plan(scene.vehicle, state.ego, plan.poses),
            "scores": dict(plan.scores),
            "valid": plan.valid,
        }
        for name, plan in plans.items()
    }
    if not entries:
        return {"expert": {}}
    chosen = next((entry for entry in entries.values() if entry["valid"]), next(iter(entries.values())))
    return {"expert": entries, "expert_action": chosen["action"]}


def picture_info(quality: RenderQuality | None, dropped: tuple[str, ...]) -> dict[str, Any]:
    """The entries of ``info`` about pictures; ``dropped`` names cameras that show an older one."""
    return {
        "render_quality": quality.by_camera() if quality is not None else {},
        "dropped_frames": dropped,
    }


def seen_truncation(quality: RenderQuality | None, least: float) -> str:
    """Why the episode is cut by what is seen: "out_of_reconstruction", or "" if it is not."""
    return "" if quality is None or can_be_trusted(quality, least) else "out_of_reconstruction"
