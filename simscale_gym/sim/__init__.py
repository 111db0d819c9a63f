"""How it moves: state, kinematics, tracker, contacts, snapshots, one step."""

from simscale_gym.sim.collision import ContactType, contacts, ego_boxes, off_road, straddles_lanes
from simscale_gym.sim.kinematics import bicycle_step
from simscale_gym.sim.snapshot import from_arrays, from_bytes, state_hash, to_arrays, to_bytes
from simscale_gym.sim.state import SimState, TrafficModel, TrafficState
from simscale_gym.sim.tracker import fit_reference, lqr_command, plan_to_poses, track

__all__ = [
    "ContactType",
    "SimState",
    "TrafficModel",
    "TrafficState",
    "bicycle_step",
    "contacts",
    "ego_boxes",
    "fit_reference",
    "from_arrays",
    "from_bytes",
    "lqr_command",
    "off_road",
    "plan_to_poses",
    "state_hash",
    "straddles_lanes",
    "to_arrays",
    "to_bytes",
    "track",
]
