"""How it moves: state, kinematics, tracker, contacts, snapshots, one step."""

from simscale_gym.sim.collision import (
    ContactType,
    contacts,
    ego_boxes,
    ego_contacts,
    off_road,
    straddles_lanes,
)
from simscale_gym.sim.kinematics import bicycle_step
from simscale_gym.sim.moment import moment_of
from simscale_gym.sim.rollout import rollout, stacked
from simscale_gym.sim.snapshot import from_arrays, from_bytes, state_hash, to_arrays, to_bytes
from simscale_gym.sim.state import SimState, TrafficModel, TrafficState
from simscale_gym.sim.step import advance, held_at_rest, start, step
from simscale_gym.sim.tracker import fit_reference, lqr_command, plan_to_poses, track

__all__ = [
    "ContactType",
    "SimState",
    "TrafficModel",
    "TrafficState",
    "advance",
    "bicycle_step",
    "contacts",
    "ego_boxes",
    "ego_contacts",
    "fit_reference",
    "from_arrays",
    "from_bytes",
    "held_at_rest",
    "lqr_command",
    "moment_of",
    "off_road",
    "plan_to_poses",
    "rollout",
    "stacked",
    "start",
    "state_hash",
    "step",
    "straddles_lanes",
    "to_arrays",
    "to_bytes",
    "track",
]
