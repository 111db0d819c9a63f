"""How an agent drives: actions in, commands of the bicycle model out, and experts' plans back into actions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Protocol

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from simscale_gym.agents.expert import PLAN_STRIDE, ExpertPlan
from simscale_gym.errors import ArgumentError, shown
from simscale_gym.geometry import se2
from simscale_gym.scene import DT, Scene, StateIndex, Vehicle
from simscale_gym.sim import SimState, TrafficModel, fit_reference, lqr_command, plan_to_poses, step
from simscale_gym.sim.kinematics import ACCELERATION_LAG, STEERING_LAG

Array = NDArray[np.float64]

MAX_ACCELERATION = 4.0
"""Acceleration [m/s^2] of a control action of 1 (full throttle or full brake)."""

MAX_STEERING_RATE = 1.0
"""Steering rate [rad/s] of a control action of 1 (left +)."""

_LIMITS = np.array([MAX_ACCELERATION, MAX_STEERING_RATE])

PLAN_ACCELERATION = 8.0
"""Acceleration [m/s^2] that a plan is followed with at most, either way: full braking on a dry road."""
TOP_SPEED = 60.0
"""Speed [m/s] beyond which no plan accelerates."""
_PLAN_LIMITS = np.array([PLAN_ACCELERATION, MAX_STEERING_RATE])
_REACH = PLAN_STRIDE * DT  # [s] ahead where plan and ego are to meet
_EASE = 0.15  # share of the way beside a plan that is made up within that time
_STEERING_PENALTY = 0.01  # beside squared errors in [m] and [rad]
_STANDING, _STOPPING = 0.05, 3.0  # a plan that goes less far [m] stands; braking to rest [m/s^2]
_TRAJECTORY_BOUND = 100.0  # [m]: farther than a car gets in 4 s


Orders = Callable[[int, Array], Array]
"""Gives commands ``[P, 2]`` (acceleration [m/s^2], steering rate [rad/s]) for step ``k`` of an environment step, from
the egos ``[P, 11]`` then."""


class ActionType(Protocol):
    """One way to drive: an action space and what its actions ask of the vehicle for one environment step."""

    name: str
    space: spaces.Space
    steps: int  # simulation steps of 0.1 s that an action lasts

    def checked(self, action: object) -> Array:
        """``action`` as :meth:`orders` takes it.

        Raises:
            ArgumentError: It is none of the space.
        """

    def checked_rows(self, actions: object, count: int) -> Array:
        """The ``actions [B, ...]`` of ``count`` environments, of which each is an action as :meth:`checked` gives it.

        Raises:
            ArgumentError: They are another number, or one of them is none of the space; it is named.
        """

    def orders(self, egos: Array, actions: Array, vehicles: Sequence[Vehicle]) -> Orders:
        """What ``actions [P, ...]`` make of ``P`` drives, whose ``vehicles`` are now at ``egos [P, 11]``."""

    def of_plan(self, vehicle: Vehicle, ego: Array, plan: Array) -> Array:
        """The action that follows ``plan [40, 3]``, in the ego frame, from ``ego [11]``."""


def apply(
    kind: ActionType, scene: Scene, traffic: TrafficModel, state: SimState, action: Array
) -> list[SimState]:
    """The simulation states of one environment step under an ``action`` of a kind, the last of them the new present."""
    orders, states = kind.orders(state.ego[None], np.asarray(action)[None], [scene.vehicle]), [state]
    for k in range(kind.steps):
        states.append(step(scene, traffic, states[-1], orders(k, states[-1].ego[None])[0]))
    return states[1:]


class ControlAction:
    """``[2]`` in -1..1: acceleration and steering rate, for one simulation step of 0.1 s."""

    name, steps = "control", 1

    def __init__(self) -> None:
        self.space = spaces.Box(-1.0, 1.0, (2,), np.float32)

    def checked(self, action: object) -> Array:
        """Two finite numbers."""
        return _checked_numbers(self.space, action)

    def checked_rows(self, actions: object, count: int) -> Array:
        """Two finite numbers each."""
        return _checked_rows(self.space, actions, count)

    def orders(self, egos: Array, actions: Array, vehicles: Sequence[Vehicle]) -> Orders:
        """The actions, clipped and in units."""
        commands = np.minimum(np.maximum(actions, -1.0), 1.0) * _LIMITS
        return lambda k, egos: commands

    def of_plan(self, vehicle: Vehicle, ego: Array, plan: Array) -> Array:
        """The command that keeps up with the plan over the next half second, clipped to the limits.

        NAVSIM's tracker looks a second ahead and never at places: an ego that followed plan after plan by its first
        command would drift off what it is to repeat, and creep where it is to stand.
        """
        acceleration = _acceleration_toward(plan, ego)
        rate = _steering_rate_toward(plan, ego, acceleration, vehicle.wheel_base)
        return np.clip(np.array([acceleration, rate]) / _LIMITS, -1.0, 1.0).astype(np.float32)


def _acceleration_toward(plan: Array, ego: Array) -> float:
    """Commanded acceleration [m/s^2] with which ``ego [11]`` goes as far as ``plan [40, 3]``, in its frame."""
    steps = np.diff(plan[:, :2], axis=0, prepend=0.0)
    way = np.cumsum(steps[:, 0] * np.cos(plan[:, 2]) + steps[:, 1] * np.sin(plan[:, 2]))
    speed, present = float(ego[StateIndex.VX]), float(ego[StateIndex.AX])
    if way[-1] < _STANDING:
        wanted = max(-speed / DT, -_STOPPING)
        return present + (wanted - present) * (DT + ACCELERATION_LAG) / DT
    return float(2.0 * (way[PLAN_STRIDE - 1] - speed * _REACH) / _REACH**2)


def _steering_rate_toward(plan: Array, ego: Array, acceleration: float, wheel_base: float) -> float:
    """Commanded steering rate [rad/s] with which ``ego [11]`` turns as ``plan [40, 3]`` does, in its frame.

    The constant rate that leaves least of the errors in place and heading. Of the way beside the plan only a share is
    made up in that time, so that whoever starts off its plan eases into it.
    """
    speed, steering = float(ego[StateIndex.VX]), float(ego[StateIndex.STEERING])
    across, heading = 0.0, 0.0  # in half a second with the steering angle as it is
    by_across, by_heading, by_steering = 0.0, 0.0, 0.0  # and what a unit steering rate adds
    for k in range(PLAN_STRIDE):
        travel = max(0.0, speed + k * DT * acceleration) * DT
        across, heading = across + travel * heading, heading + travel * np.tan(steering) / wheel_base
        by_across, by_heading = (
            by_across + travel * by_heading,
            by_heading + travel * by_steering / wheel_base,
        )
        by_steering += DT
    beside = 2.0 * plan[0, 1] - plan[1, 1]  # where the plan itself is now
    across -= plan[PLAN_STRIDE - 1, 1] - (1.0 - _EASE) * beside
    heading -= plan[PLAN_STRIDE - 1, 2]
    rate = -(by_across * across + by_heading * heading) / (by_across**2 + by_heading**2 + _STEERING_PENALTY)
    return float(rate * (DT + STEERING_LAG) / DT)


class TrajectoryAction:
    """``[8, 3]`` x, y [m], heading [rad] at 0.5 .. 4.0 s in the ego frame, tracked by LQR for 0.5 s.

    Poses beyond the space are clipped to it, and followed as far as a vehicle can.
    """

    name, steps = "trajectory", PLAN_STRIDE

    def __init__(self) -> None:
        high = np.tile(np.array([_TRAJECTORY_BOUND, _TRAJECTORY_BOUND, np.pi], np.float32), (8, 1))
        self.space = spaces.Box(-high, high, dtype=np.float32)

    def checked(self, action: object) -> Array:
        """Eight finite poses."""
        return np.clip(_checked_numbers(self.space, action), self.space.low, self.space.high)

    def checked_rows(self, actions: object, count: int) -> Array:
        """Eight finite poses each."""
        return np.clip(_checked_rows(self.space, actions, count), self.space.low, self.space.high)

    def orders(self, egos: Array, actions: Array, vehicles: Sequence[Vehicle]) -> Orders:
        """The tracker's, along the poses."""
        starts = egos[:, : StateIndex.HEADING + 1]
        return _orders_along(np.stack(list(map(plan_to_poses, starts, actions))), vehicles)

    def of_plan(self, vehicle: Vehicle, ego: Array, plan: Array) -> Array:
        """The plan at 0.5 s steps."""
        poses = plan[PLAN_STRIDE - 1 :: PLAN_STRIDE].astype(np.float32)
        return np.clip(poses, self.space.low, self.space.high)


def of_expert(action: ActionType, vehicle: Vehicle, ego: Array, plan: ExpertPlan) -> Array:
    """The action that follows an expert's plan from ``ego [11]``: the tracker is given its lead, where it has one."""
    if plan.lead is not None and action.name == TrajectoryAction.name:
        return np.clip(plan.lead.astype(np.float32), action.space.low, action.space.high)
    return action.of_plan(vehicle, ego, plan.poses)


class AnchorAction:
    """Which of ``count`` trajectories of a vocabulary to drive along, tracked by LQR for 0.5 s.

    Args:
        count: ``K`` anchors.
        load: Gives them, ``[K, 40, 3]`` x, y [m], heading [rad] at 0.1 .. 4.0 s in the ego frame; called once.
    """

    name, steps = "anchor", PLAN_STRIDE

    def __init__(self, count: int, load: Callable[[], Array]) -> None:
        self.space = spaces.Discrete(count)
        self._load, self._poses = load, np.zeros((0, 0, 3))

    @property
    def poses(self) -> Array:
        """``[K, 40, 3]``."""
        if not len(self._poses):
            self._poses = self._load()
        return self._poses

    def checked(self, action: object) -> Array:
        """A whole number from 0 to K - 1."""
        number = action.item() if isinstance(action, np.ndarray) and action.ndim == 0 else action
        whole = isinstance(number, Integral) and not isinstance(number, bool | np.bool_)
        if not whole or not 0 <= int(number) < self.space.n:
            raise ArgumentError(
                f"action: {action!r}, expected the number of an anchor, 0 to {self.space.n - 1}."
            )
        return np.array(int(number))

    def checked_rows(self, actions: object, count: int) -> Array:
        """A whole number each."""
        numbers = np.asarray(actions)
        if numbers.shape != (count,):
            raise ArgumentError(
                f"actions: shape {numbers.shape}, expected ({count},), one for each environment."
            )
        return np.array(
            [_named(row, self.checked, number) for row, number in enumerate(numbers)], np.int64
        ).reshape(count)

    def orders(self, egos: Array, actions: Array, vehicles: Sequence[Vehicle]) -> Orders:
        """The tracker's, along the anchors."""
        poses = [_to_world(ego, self.poses[int(number)]) for ego, number in zip(egos, actions, strict=True)]
        return _orders_along(np.stack(poses), vehicles)

    def of_plan(self, vehicle: Vehicle, ego: Array, plan: Array) -> Array:
        """The anchor whose places at 0.5 .. 4.0 s are nearest to the plan's on average."""
        away = self.poses[:, PLAN_STRIDE - 1 :: PLAN_STRIDE, :2] - plan[PLAN_STRIDE - 1 :: PLAN_STRIDE, :2]
        return np.hypot(away[..., 0], away[..., 1]).mean(1).argmin()


def _to_world(ego: Array, plan: Array) -> Array:
    """``[41, 3]`` a plan ``[40, 3]`` in the scene frame, the pose of ``ego [11]`` first."""
    pose = ego[: StateIndex.HEADING + 1]
    return np.concatenate([pose[None], se2.poses_to_world(pose, plan)])


def _orders_along(poses: Array, vehicles: Sequence[Vehicle]) -> Orders:
    """Orders to drive along ``poses [P, M + 1, 3]`` as the tracker would, as far as a vehicle can.

    Accelerations end at :data:`PLAN_ACCELERATION`, steering rates at :data:`MAX_STEERING_RATE`; beyond
    :data:`TOP_SPEED` it does not accelerate; braking ends at rest, so a plan that leads backwards is a stop.
    """
    speeds, curvatures = fit_reference(poses)
    alike: dict[Vehicle, list[int]] = {}
    for row, vehicle in enumerate(vehicles):
        alike.setdefault(vehicle, []).append(row)

    def orders(k: int, egos: Array) -> Array:
        commands = np.empty((len(egos), 2))
        for vehicle, rows in alike.items():
            way = poses[rows], speeds[rows], curvatures[rows]
            commands[rows] = lqr_command(egos[rows], *way, k, vehicle=vehicle)
        commands = np.clip(commands, -_PLAN_LIMITS, _PLAN_LIMITS)
        fast = egos[:, StateIndex.VX] > TOP_SPEED
        commands[fast, 0] = np.minimum(commands[fast, 0], 0.0)
        return commands

    return orders


def _checked_rows(space: spaces.Box, actions: object, count: int) -> Array:
    """``actions`` of ``count`` environments as float64 ``[count, ...]``.

    Raises:
        ArgumentError: No numbers, another number of rows or shape, or a row that is not finite.
    """
    try:
        array = np.asarray(actions, dtype=float)
    except (TypeError, ValueError, OverflowError):
        raise ArgumentError(f"actions: {shown(actions)}, expected {(count, *space.shape)} numbers.") from None
    if array.shape != (count, *space.shape):
        raise ArgumentError(
            f"actions: shape {array.shape}, expected {(count, *space.shape)}, a row for each environment; "
            "env.action_space.sample() shows some."
        )
    finite = np.isfinite(array.reshape(count, -1)).all(1)
    if not finite.all():
        row = int(np.argmin(finite))
        _named(row, lambda action: _checked_numbers(space, action), array[row])
    return array


def _named(row: int, check: Callable[[object], Array], action: object) -> Array:
    """``check(action)``, whose complaint names environment ``row``."""
    try:
        return check(action)
    except ArgumentError as error:
        raise ArgumentError(f"environment {row}: {error} No environment was stepped.") from None


def _checked_numbers(space: spaces.Box, action: object) -> Array:
    """``action`` as float64 of the space's shape.

    Raises:
        ArgumentError: No numbers, wrong shape or not finite.
    """
    try:
        array = np.asarray(action, dtype=float)
    except (TypeError, ValueError, OverflowError):
        raise ArgumentError(f"action: {shown(action)}, expected {space.shape} numbers.") from None
    if array.shape != space.shape:
        raise ArgumentError(
            f"action: shape {array.shape}, expected {space.shape}; env.action_space.sample() shows one."
        )
    if not np.isfinite(array).all():
        raise ArgumentError(f"action: {array.tolist()} is not finite; check the policy's output for NaN.")
    return array
