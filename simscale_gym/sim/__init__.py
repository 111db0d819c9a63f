"""The simulation: its state, one step of it, the tracker and kinematics of the ego, snapshots."""

from simscale_gym.sim.kinematics import bicycle_step
from simscale_gym.sim.moment import moment_of
from simscale_gym.sim.rollout import rollout, stacked
from simscale_gym.sim.snapshot import from_arrays, from_bytes, state_hash, to_arrays, to_bytes
from simscale_gym.sim.state import Controller, SimState, TrafficModel, TrafficState
from simscale_gym.sim.step import advance, move_ego, start, step
from simscale_gym.sim.tracker import fit_reference, lqr_command, plan_to_poses, track
from simscale_gym.sim.traffic_batch import LoopedTraffic, Places, TrafficBatch, traffic_batch

__all__ = [
    "Controller",
    "LoopedTraffic",
    "Places",
    "SimState",
    "TrafficBatch",
    "TrafficModel",
    "TrafficState",
    "advance",
    "bicycle_step",
    "fit_reference",
    "from_arrays",
    "from_bytes",
    "lqr_command",
    "moment_of",
    "move_ego",
    "plan_to_poses",
    "rollout",
    "stacked",
    "start",
    "state_hash",
    "step",
    "to_arrays",
    "to_bytes",
    "track",
    "traffic_batch",
]
