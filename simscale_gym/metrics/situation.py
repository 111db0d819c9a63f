"""All that a score needs to know, as plain arrays: the map, the route, the others, the lights, the past."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.errors import ArgumentError
from simscale_gym.geometry.box import place_corners
from simscale_gym.metrics.areas import ON_ROUTE
from simscale_gym.metrics.centerline import Centerline, build_centerline
from simscale_gym.metrics.contacts import Others, RedLights
from simscale_gym.metrics.layers import MapLayers
from simscale_gym.one_line import one_line
from simscale_gym.scene import STATE_SIZE, TrackType

Array = NDArray[np.float64]

RED_LIGHT = "red_light"
"""NAVSIM tells lights from agents by this word in their token."""
HISTORY_STEPS = 15
"""Steps of the ego's past that comfort looks back on: 1.5 s. NAVSIM has the states of all but the last of them."""
_SLACK = 1e-6  # [m] added to half diagonals, so that culling by distance never decides


@dataclass(frozen=True, eq=False)
class Agents:
    """The others over the ``T`` steps of a situation, 0.1 s apart.

    Attributes:
        tokens: ``N`` unique names.
        types: ``[N]`` kinds (:class:`simscale_gym.scene.TrackType`). Only vehicles, bicycles and pedestrians are road
            users; to hit anything else costs half.
        boxes: ``[N, T, 5]`` centre x, y [m], heading [rad], length, width [m].
        velocities: ``[N, T, 2]`` [m/s] in the frame of the boxes. NAVSIM looks only at the first step at which an
            agent is present: who stands then counts as standing ever after.
        valid: ``[N, T]`` whether it is present; elsewhere boxes and velocities hold anything finite.
        ignored: ``[N]`` whether contacts with it do not count (NAVSIM's list of collided tracks); None for nobody.
    """

    tokens: tuple[str, ...]
    types: NDArray[np.uint8]
    boxes: Array
    velocities: Array
    valid: NDArray[np.bool_]
    ignored: NDArray[np.bool_] | None = None

    __repr__ = one_line

    def __post_init__(self) -> None:
        n, t = len(self.tokens), self.valid.shape[-1]
        expected = {"types": (n,), "boxes": (n, t, 5), "velocities": (n, t, 2), "valid": (n, t)}
        if self.ignored is not None:
            expected["ignored"] = (n,)
        for name, shape in expected.items():
            array = np.asarray(getattr(self, name))
            if array.shape != shape or not np.isfinite(array).all():
                raise ArgumentError(
                    f"agents.{name}: shape {array.shape} or not finite, expected finite {shape}."
                )
        if len(set(self.tokens)) < n:
            token, count = Counter(self.tokens).most_common(1)[0]
            raise ArgumentError(f"agents.tokens: {token!r} stands {count} times, expected once.")
        for token in self.tokens:
            if RED_LIGHT in token:
                raise ArgumentError(
                    f"agents.tokens: {token!r} would be taken for a traffic light; rename it."
                )
        unknown = np.flatnonzero((self.types < 0) | (self.types > max(TrackType)))
        if len(unknown):
            raise ArgumentError(
                f"agents.types: {self.tokens[unknown[0]]!r} has type {self.types[unknown[0]]}, "
                f"expected 0 to {int(max(TrackType))} (TrackType)."
            )
        flat = self.valid & ((self.boxes[..., 3] <= 0.0) | (self.boxes[..., 4] <= 0.0))
        if flat.any():
            raise ArgumentError(
                f"agents.boxes: {self.tokens[int(flat.any(1).argmax())]!r} has no length or width, expected more."
            )

    def __len__(self) -> int:
        return len(self.tokens)

    @classmethod
    def none(cls, steps: int = 41) -> Agents:
        """Nobody, for ``steps`` steps."""
        return cls(
            (),
            np.zeros(0, np.uint8),
            np.zeros((0, steps, 5)),
            np.zeros((0, steps, 2)),
            np.zeros((0, steps), bool),
        )

    @property
    def movers(self) -> NDArray[np.bool_]:
        """``[N]`` vehicles, bicycles and pedestrians."""
        return self.types <= TrackType.PEDESTRIAN

    @property
    def first_speeds(self) -> Array:
        """``[N]`` speed [m/s] at the first step of presence."""
        first = self.velocities[np.arange(len(self)), self.valid.argmax(1)]
        return np.hypot(first[:, 0], first[:, 1])


@dataclass(frozen=True, eq=False)
class Situation:
    """What proposals are scored in: ``T`` steps 0.1 s apart, the first being now; 41 in NAVSIM.

    Attributes:
        map: Polygons by layer; none at all means that everywhere is off the road.
        centerline: ``[K, 2+]`` line that the ego should follow [m], K >= 2. Gaps in it are bridged by straight lines.
        route_lane_ids: Tokens of all lanes and connectors of the route's roadblocks.
        agents: The others.
        red_lights: Tokens of the lanes and connectors that are closed at each of the T steps; only those on the route
            count. Empty for no lights at all.
        history: ``[H, 11]`` ego states before the first step, 0.1 s apart; None where HC is not judged.
            NAVSIM's are 14, made by :func:`simscale_gym.metrics.interpolate_history`.
    """

    map: MapLayers
    centerline: Array
    route_lane_ids: Sequence[str]
    agents: Agents
    red_lights: Sequence[Sequence[str]] = ()
    history: Array | None = None

    __repr__ = one_line

    def __post_init__(self) -> None:
        line = np.asarray(self.centerline, float)
        if line.ndim != 2 or len(line) < 2 or line.shape[1] < 2 or not np.isfinite(line).all():
            raise ArgumentError(
                f"centerline: shape {line.shape} or not finite, expected finite [K, 2+] with K >= 2."
            )
        if not np.ptp(line[:, :2], axis=0).any():
            raise ArgumentError("centerline: all its points are one; expected a line to make progress along.")
        if self.steps < 1:
            raise ArgumentError("agents: 0 steps, expected at least the present one.")
        if len(self.red_lights) not in (0, self.steps):
            raise ArgumentError(
                f"red_lights: {len(self.red_lights)} steps, expected {self.steps} as agents have, or none."
            )
        history = self.history
        if history is not None and (
            np.ndim(history) != 2 or np.shape(history)[1] != STATE_SIZE or not np.isfinite(history).all()
        ):
            raise ArgumentError(
                f"history: shape {np.shape(history)} or not finite, expected finite [H, {STATE_SIZE}]."
            )

    @property
    def steps(self) -> int:
        """``T``, the present included."""
        return self.agents.valid.shape[1]

    def with_agents(
        self, agents: Agents, red_lights: Sequence[Sequence[str]] = (), history: Array | None = None
    ) -> Situation:
        """Others on the same map and route; what was looked up about these is kept."""
        changed = replace(self, agents=agents, red_lights=red_lights, history=history)
        vars(changed).update(line=self.line, flags=self.flags)  # both derive from map and route alone
        return changed

    @cached_property
    def flags(self) -> NDArray[np.uint8]:
        """Bits of the map's polygons, ON_ROUTE included."""
        rows, flags = self.map.lane_rows, self.map.flags.copy()
        flags[[rows[token] for token in self.route_lane_ids if token in rows]] |= ON_ROUTE
        return flags

    @cached_property
    def line(self) -> Centerline:
        """The centreline, indexed."""
        return build_centerline(self.centerline)

    @cached_property
    def others(self) -> Others:
        """The agents step by step, as kernels take them."""
        agents = self.agents
        starts, rows, x, y, reach, corners = _by_step(agents.boxes, agents.valid)
        return Others(
            starts=starts,
            agents=rows,
            x=x,
            y=y,
            reach=reach,
            corners=corners,
            speeds=agents.first_speeds,
            movers=np.asarray(agents.movers),
            ignored=np.zeros(len(agents), bool)
            if agents.ignored is None
            else np.asarray(agents.ignored, bool),
        )

    @cached_property
    def lights(self) -> RedLights:
        """The closed lanes of the route step by step, as kernels take them.

        Raises:
            ArgumentError: One has no polygon on the map.
        """
        route, rows, starts = set(self.route_lane_ids), [], [0]
        if not self.red_lights:
            return RedLights(self.map.polygons, np.zeros(self.steps + 1, np.int64), np.zeros(0, np.int64))
        for closed in self.red_lights:
            for token in closed:
                if token in route and token not in self.map.lane_rows:
                    raise ArgumentError(f"red_lights: lane {token!r} has no polygon on the map.")
            rows += [self.map.lane_rows[token] for token in closed if token in route]
            starts.append(len(rows))
        return RedLights(self.map.polygons, np.array(starts, np.int64), np.array(rows, np.int64))


@njit(cache=True)
def _by_step(boxes: Array, valid: NDArray):
    """Boxes ``[N, T, 5]`` where ``valid [N, T]``, one step after another, by agent within each.

    First row of each step ``[T + 1]``; of each row: its agent, centre x and y, half diagonal, corners ``[4, 2]``.
    """
    count, steps = valid.shape
    starts, row = np.zeros(steps + 1, np.int64), np.zeros(steps, np.int64)
    for t in range(steps):
        row[t] = starts[t]
        starts[t + 1] = starts[t] + valid[:, t].sum()
    total = starts[steps]
    agents, x, y, reach = np.empty(total, np.int64), np.empty(total), np.empty(total), np.empty(total)
    corners, turned, last = np.empty((total, 4, 2)), np.empty((4, 2)), np.full(3, np.nan)
    for n in range(count):
        for t in range(steps):
            if not valid[n, t]:
                continue
            box, r = boxes[n, t], row[t]
            row[t] += 1
            if not (box[2] == last[0] and box[3] == last[1] and box[4] == last[2]):
                place_corners(0.0, 0.0, box[2], box[3] / 2.0, box[4] / 2.0, turned)
                last[:] = box[2:]
            agents[r], x[r], y[r] = n, box[0], box[1]
            reach[r] = np.sqrt(box[3] * box[3] + box[4] * box[4]) / 2.0 + _SLACK
            for i in range(4):
                corners[r, i, 0], corners[r, i, 1] = box[0] + turned[i, 0], box[1] + turned[i, 1]
    return starts, agents, x, y, reach, corners
