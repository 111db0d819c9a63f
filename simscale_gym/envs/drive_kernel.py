"""One step of many drives: what each environment's ego does, and how it is judged and seen, compiled."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.envs.state_kernel import fill_state
from simscale_gym.envs.state_layout import LayoutArrays
from simscale_gym.kernels import record_at, take
from simscale_gym.metrics.areas import NON_DRIVABLE
from simscale_gym.metrics.comfort import ComfortFilters
from simscale_gym.metrics.layers import Road
from simscale_gym.metrics.running_kernel import AT_FAULT, MEMORY, TOUCHING
from simscale_gym.metrics.running_memory import COMFORTABLE, STEPS, DriveMemory, judge_next
from simscale_gym.metrics.running_subscores import RUNNING_CODES, fill_subscores
from simscale_gym.scene import LightStatus
from simscale_gym.scene.road_view import RoadArrays, view_at
from simscale_gym.sim import Places, move_ego

Array = NDArray[np.float64]

_RED = int(LightStatus.RED)


class Course(NamedTuple):
    """A drive as kernels take it: where it leads, and what is remembered of it.

    Attributes:
        road: The scene for the view of the road.
        ground: Of :attr:`simscale_gym.metrics.DriveGround.arrays`.
        dropped: ``[N]`` tracks that are not judged.
        log_way: ``[F]`` way of the log [m], by which progress is judged.
        lights: ``[L, T]`` status of the lights.
        light_rows: Rows of the lights on the route.
        light_places: Where along the route they stand [m].
        types: ``[N]`` kinds of the tracks.
        sizes: ``[N, 3]`` of the tracks [m].
        wheel_base: Of the ego [m].
        hull: Front and rear of the ego from its rear axle, and half its width [m].
        area: The drivable area.
        memory: What the judgement remembers; changed in place.
        places: Where the others are; changed in place.
    """

    road: RoadArrays
    ground: Any
    dropped: NDArray[np.bool_]
    log_way: Array
    lights: NDArray[np.uint8]
    light_rows: NDArray[np.int64]
    light_places: Array
    types: NDArray[np.uint8]
    sizes: Array
    wheel_base: float
    hull: tuple[float, float, float]
    area: Road
    memory: DriveMemory
    places: Places


class Findings(NamedTuple):
    """What is known of ``E`` drives after their last step.

    Attributes:
        arcs, offsets, limits, limits_along: ``[E]`` of :class:`simscale_gym.scene.road_view.RoadView`.
        commands: ``[E]`` likewise.
        contacts: ``[E]`` a bit for each type of track that the ego touched.
        faults: ``[E]`` a bit for each type of track that it hit by its own fault.
        out_of_road: ``[E]`` of :class:`simscale_gym.envs.outcome.Outcome`.
        left_road: ``[E]`` likewise.
        subscores: ``[E, 8]`` in the order of :data:`simscale_gym.metrics.running_subscores.RUNNING_CODES`.
    """

    arcs: Array
    offsets: Array
    limits: Array
    limits_along: Array
    commands: NDArray[np.int64]
    contacts: NDArray[np.int64]
    faults: NDArray[np.int64]
    out_of_road: NDArray[np.bool_]
    left_road: NDArray[np.bool_]
    subscores: Array

    @classmethod
    def of(cls, count: int) -> Findings:
        """Those of ``count`` drives, to be filled in."""
        numbers = (np.zeros(count) for _ in range(4))
        bits = (np.zeros(count, np.int64) for _ in range(3))
        flags = (np.zeros(count, bool) for _ in range(2))
        return cls(*numbers, *bits, *flags, np.zeros((count, len(RUNNING_CODES))))


@njit(cache=True, nogil=True)
def drive_on(
    counter: NDArray, rows: NDArray, courses: Course, words: NDArray, filters: ComfortFilters, filter_words: NDArray,
    slots: NDArray, frames: NDArray, egos: Array, commands: Array, is_first: bool, found: Findings,
):  # fmt: skip
    """Move the egos of the drives ``rows`` by 0.1 s and judge where they are, among others who have been moved.

    Args:
        counter: ``[1]`` drives of ``rows`` that are being worked on, by all threads.
        rows: Drives to move.
        courses: Example of the table of :class:`Course`.
        words: Its words.
        filters: Example of :func:`simscale_gym.metrics.running_memory.filter_table`.
        filter_words: Its words.
        slots: ``[E]`` slot of the rings that each drive stands at; the one behind is filled in.
        frames: ``[E]`` frame of the scene there.
        egos: ``[E, R, 11]`` states of the egos, in rings.
        commands: ``[E, 2]`` acceleration [m/s^2] and steering rate [rad/s].
        is_first: Whether this is the first 0.1 s of a step, of which ``found`` tells.
        found: What was found, filled in.
    """
    while True:
        k = take(counter, 1)
        if k >= len(rows):
            return
        row = rows[k]
        course = record_at(courses, words, row)
        behind = (slots[row] + 1) % egos.shape[1]
        ego = egos[row, behind]
        acceleration, rate = commands[row, 0], commands[row, 1]
        move_ego(egos[row, slots[row]], ego, acceleration, rate, course.wheel_base, False)
        _judge(course, ego, behind, frames[row] + 1, filters, filter_words, is_first, row, found)
        _look(course, ego, row, found)


@njit(cache=True)
def _judge(
    course: Course, ego: Array, slot: int, frame: int, filters: ComfortFilters, filter_words: NDArray, is_first: bool,
    row: int, found: Findings,
):  # fmt: skip
    """The judgement of the newest step, as :func:`simscale_gym.envs.outcome.judge` has it."""
    memory, places = course.memory, course.places
    was_off = _is_off(memory)
    red = _column(course.lights, frame) == _RED
    judge_next(
        memory, ego, places.poses[slot], places.velocities[slot], places.valid[slot], red, course.ground,
        course.dropped, filters, filter_words,
    )  # fmt: skip
    if is_first:
        found.contacts[row], found.faults[row] = 0, 0
        found.out_of_road[row], found.left_road[row] = False, False
    if _is_off(memory):
        found.out_of_road[row] = True
        found.left_road[row] = found.left_road[row] or not was_off
    for n in range(len(course.types)):
        bit = np.int64(1) << np.int64(course.types[n])
        if memory.contacts[n, TOUCHING]:
            found.contacts[row] |= bit
        if memory.contacts[n, AT_FAULT]:
            found.faults[row] |= bit
    steps = memory.counts[STEPS]
    reference = course.log_way[min(steps, len(course.log_way)) - 1]
    fill_subscores(memory.tally, memory.ride[COMFORTABLE], reference, found.subscores[row])


@njit(cache=True)
def _is_off(memory: DriveMemory) -> bool:
    return (memory.areas[min(memory.counts[STEPS], MEMORY) - 1] & NON_DRIVABLE) != 0


@njit(cache=True)
def _column(lights: NDArray, frame: int) -> NDArray:
    """Status ``[L]`` at a frame; past the log's end it stays."""
    at, out = min(frame, lights.shape[1] - 1), np.empty(len(lights), np.uint8)
    for n in range(len(lights)):
        out[n] = lights[n, at]
    return out


@njit(cache=True)
def _look(course: Course, ego: Array, row: int, found: Findings):
    arc, offset, limit, along, command = view_at(course.road, ego)
    found.arcs[row], found.offsets[row], found.limits[row], found.limits_along[row] = (
        arc,
        offset,
        limit,
        along,
    )
    found.commands[row] = command


@njit(cache=True, nogil=True)
def observe_states(
    counter: NDArray, rows: NDArray, courses: Course, words: NDArray, layout: LayoutArrays, slots: NDArray,
    frames: NDArray, egos: Array, goals: Array, found: Findings, out: NDArray,
):  # fmt: skip
    """Write the observation ``state`` of the drives ``rows`` to ``out [E, S]``.

    Args:
        counter: As of :func:`drive_on`, like all that is not named here.
        rows: Drives to observe.
        courses: Example of the table.
        words: Its words.
        layout: Of :data:`simscale_gym.envs.state_layout.STATE_LAYOUT`.
        slots: ``[E]``.
        frames: ``[E]``.
        egos: ``[E, R, 11]``.
        goals: ``[E]`` arc lengths of the goals [m], infinite where there is none.
        found: What was found; read.
        out: Filled in.
    """
    while True:
        k = take(counter, 1)
        if k >= len(rows):
            return
        row = rows[k]
        course, slot = record_at(courses, words, row), slots[row]
        places, road = course.places, course.road
        fill_state(
            out[row], layout, egos[row, slot], course.hull, places.poses[slot], places.velocities[slot],
            places.valid[slot], course.types, course.sizes, road.path, road.lengths, found.arcs[row],
            found.offsets[row], found.limits[row], found.limits_along[row], goals[row], course.light_rows,
            course.light_places, _column(course.lights, frames[row]), course.area,
        )  # fmt: skip
