"""Many drives at once: their states as arrays in place, moved by kernels on all threads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from simscale_gym.envs.actions import ActionType
from simscale_gym.envs.drive import Drive
from simscale_gym.envs.drive_kernel import Course, Findings, drive_on, observe_states
from simscale_gym.envs.history import KEPT, History
from simscale_gym.envs.observations import hull
from simscale_gym.envs.outcome import Outcome, track_types, type_bits
from simscale_gym.envs.state_layout import STATE_LAYOUT
from simscale_gym.kernels import Crew, Described, RecordTable, describe
from simscale_gym.metrics.running_memory import DriveMemory, filter_table
from simscale_gym.metrics.running_subscores import RUNNING_CODES
from simscale_gym.scene import STATE_SIZE
from simscale_gym.scene.road_view import RoadView, road_arrays
from simscale_gym.scoring.scene_ground import map_layers
from simscale_gym.sim import Places, SimState, TrafficModel, TrafficState, traffic_batch

Array = NDArray[np.float64]

_ROOM = 128  # ego states by which trails grow


class DriveBatch:
    """The drives of ``E`` environments, each of which :meth:`drive` gives as it would be by itself.

    The kernels are those that step a :class:`simscale_gym.envs.drive.Drive`, so that numbers are the same. What a drive
    has behind it is kept as in a pickled :class:`simscale_gym.envs.snapshot.Snapshot`: the ego's whole way, and the
    last states whole.

    Args:
        count: ``E``.
        traffic: Traffic model that moves the others.
        crew: Threads to work on.

    Attributes:
        found: What is known of each drive after its last step.
        frames: ``[E]`` frame of the scene that each stands at.
        steps: ``[E]`` simulation steps since the start of each.
        arrived: ``[E]`` whether the ego is where the log ended.
        goals: ``[E]`` arc length at which the log ended [m], infinite where there is no goal.
        first_arcs: ``[E]`` arc length at which the episode began [m].
        last_frames: ``[E]`` last frame of the log.
        scene_ids: ``[E]`` ids of the scenes.
        first_times_us: ``[E]`` timestamps of their first frames [us].
        terms: Terms ``[E]`` of the last step's reward, by name.
        has_begun: ``[E]`` whether there is a drive; there is none where a step could not be carried out to its end.
        is_over: ``[E]`` whether it has come to its end; set by whoever judges that.
    """

    def __init__(self, count: int, traffic: TrafficModel, crew: Crew) -> None:
        self.found = Findings.of(count)
        self.frames, self.steps, self.last_frames, self.first_times_us = np.zeros((4, count), np.int64)
        self.arrived, self.has_begun, self.is_over = np.zeros((3, count), bool)
        self.scene_ids = np.full(count, None, object)
        self.goals, self.first_arcs = np.zeros((2, count))
        self.terms: dict[str, Array] = {}
        self._crew, self._traffic = crew, traffic_batch(traffic, count, crew)
        self._count = count
        self._courses: RecordTable | None = None
        self._slots, self._known = np.zeros((2, count), np.int64)
        self._egos = np.zeros((count, KEPT, STATE_SIZE))
        self._trail, self._trail_lengths = np.zeros((count, _ROOM, STATE_SIZE)), np.zeros(count, np.int64)
        self._parts: WeakKeyDictionary[object, dict[str, Described]] = WeakKeyDictionary()
        self._begun: list[Drive | None] = [None] * count
        self._now: list[Drive | None] = [None] * count
        self._states: list[dict[int, SimState]] = [{} for _ in range(count)]

    def __len__(self) -> int:
        return self._count

    def enter(self, row: int, drive: Drive) -> None:
        """Have ``drive`` in ``row``; it goes on from where it is."""
        states, scene = list(drive.history)[-KEPT:], drive.scene
        places = _room_for(len(scene.tracks))
        for slot, state in enumerate(states):
            places.put(slot, state.traffic)
            self._egos[row, slot] = state.ego
        self._slots[row], self._known[row], self.frames[row] = len(states) - 1, len(states), states[-1].frame
        self._states[row] = dict(enumerate(states))
        self._traffic.enter(row, scene, places, {slot: state.traffic for slot, state in enumerate(states)})
        course = _course_of(drive, places)
        self._courses = self._courses or RecordTable(course, self._count)
        known = self._described(scene, course, "road", "area") | self._described(
            drive.segment.running.ground, course, "ground"
        )
        self._courses.put(row, course._replace(**known))
        self._remember_way(row, drive.history.egos)
        self._note(row, drive)
        self._begun[row] = self._now[row] = drive

    def move(self, rows: NDArray[np.int64], kind: ActionType, actions: Array) -> None:
        """One environment step of the drives ``rows`` under ``actions [len(rows), ...]`` of a kind.

        A traffic model of the user's own may raise in the middle of it: those drives are then none any more.
        """
        self.has_begun[rows] = False
        vehicles = [self._begun[row].scene.vehicle for row in rows.tolist()]
        orders, commands = kind.orders(self.egos[rows], actions, vehicles), np.zeros((self._count, 2))
        for k in range(kind.steps):
            egos = self.egos
            commands[rows] = orders(k, egos[rows])
            self._traffic.step(rows, self._slots, self.frames, egos)
            courses, filters = self._courses, filter_table()
            self._crew.run(
                drive_on, np.zeros(1, np.int64), rows, courses.example, courses.words, filters.example, filters.words,
                self._slots, self.frames, self._egos, commands, k == 0, self.found,
            )  # fmt: skip
            self._advance(rows)
        self.arrived[rows], self.has_begun[rows] = self.found.arcs[rows] >= self.goals[rows], True

    def observed_states(self, rows: NDArray[np.int64], out: NDArray[np.float32]) -> None:
        """Write the observation ``state`` of the drives ``rows`` to their rows of ``out [E, ...]``."""
        courses = self._courses
        self._crew.run(
            observe_states, np.zeros(1, np.int64), rows, courses.example, courses.words, STATE_LAYOUT.arrays,
            self._slots, self.frames, self._egos, self.goals, self.found, out,
        )  # fmt: skip

    @property
    def egos(self) -> Array:
        """``[E, 11]`` states of the egos; the caller's own."""
        return self._egos[np.arange(self._count), self._slots]

    @property
    def subscores(self) -> dict[str, Array]:
        """Subscores ``[E]`` of the drives by EPDMS code; the caller's own."""
        return dict(zip(RUNNING_CODES, self.found.subscores.T.copy(), strict=True))

    def drive(self, row: int) -> Drive | None:
        """The drive in ``row`` as it is now, which later steps do not change; None where there is none."""
        if not self.has_begun[row]:
            return None
        now = self._now[row]
        if now is not None and now.state.frame != self.frames[row]:
            now = self._now[row] = self._made(row)
        return now

    def pay(self, rows: NDArray[np.int64], terms: Mapping[str, Array]) -> None:
        """Note the ``terms [len(rows)]`` of the rewards for the steps of ``rows``."""
        for name, values in terms.items():
            self.terms.setdefault(name, np.zeros(self._count))[rows] = values

    def _advance(self, rows: NDArray[np.int64]) -> None:
        self._slots[rows] = (self._slots[rows] + 1) % KEPT
        self._known[rows] = np.minimum(self._known[rows] + 1, KEPT)
        self.frames[rows] += 1
        self.steps[rows] += 1
        if self._trail_lengths.max() == self._trail.shape[1]:
            self._trail = np.pad(self._trail, ((0, 0), (0, _ROOM), (0, 0)))
        self._trail[rows, self._trail_lengths[rows]] = self._egos[rows, self._slots[rows]]
        self._trail_lengths[rows] += 1

    def _described(self, owner: object, course: Course, *parts: str) -> dict[str, Described]:
        """The ``parts`` of ``course`` that belong to ``owner``, described when they are first met."""
        if owner not in self._parts:
            example = self._courses.example
            self._parts[owner] = {
                part: describe(getattr(course, part), getattr(example, part)) for part in parts
            }
        return self._parts[owner]

    def _remember_way(self, row: int, egos: Array) -> None:
        missing = len(egos) - self._trail.shape[1]
        if missing > 0:
            self._trail = np.pad(self._trail, ((0, 0), (0, missing + _ROOM), (0, 0)))
        self._trail[row, : len(egos)], self._trail_lengths[row] = egos, len(egos)

    def _note(self, row: int, drive: Drive) -> None:
        """Fill in what is known of the drive that is now in ``row``."""
        found, view, outcome = self.found, drive.view, drive.outcome
        for array, value in zip(
            found, (*view, type_bits(outcome.contact), type_bits(outcome.at_fault)), strict=False
        ):
            array[row] = value
        found.out_of_road[row], found.left_road[row] = outcome.out_of_road, outcome.left_road
        found.subscores[row] = [drive.subscores[code] for code in RUNNING_CODES]
        self.steps[row], self.last_frames[row] = drive.steps, drive.scene.num_frames - 1
        self.scene_ids[row], self.first_times_us[row] = drive.scene.id, drive.scene.timestamps_us[0]
        self.has_begun[row], self.is_over[row] = True, False
        self.arrived[row], self.first_arcs[row] = outcome.arrived, drive.first_arc
        self.goals[row] = np.inf if drive.goal is None else drive.goal
        self.pay(np.array([row]), {name: np.array([value]) for name, value in drive.terms.items()})

    def _made(self, row: int) -> Drive:
        begun, found = self._begun[row], self.found
        running = replace(begun.segment.running, record=self._courses.get(row).memory.record())
        numbers = (found.arcs, found.offsets, found.limits, found.limits_along)
        outcome = Outcome(
            contact=track_types(int(found.contacts[row])),
            at_fault=track_types(int(found.faults[row])),
            out_of_road=bool(found.out_of_road[row]),
            left_road=bool(found.left_road[row]),
            arrived=bool(self.arrived[row]),
        )
        return replace(
            begun,
            history=self._history(row),
            view=RoadView(*(float(array[row]) for array in numbers), int(found.commands[row])),
            outcome=outcome,
            segment=replace(begun.segment, running=running),
            subscores=dict(zip(RUNNING_CODES, found.subscores[row].tolist(), strict=True)),
            terms={name: float(values[row]) for name, values in self.terms.items()},
        )

    def _history(self, row: int) -> History:
        known, frame, slot = int(self._known[row]), int(self.frames[row]), int(self._slots[row])
        states = [self._state(row, (slot - back) % KEPT, frame - back) for back in range(known - 1, -1, -1)]
        return History(states, self._trail[row, : self._trail_lengths[row] - known].copy())

    def _state(self, row: int, slot: int, frame: int) -> SimState:
        """The state in a slot of the rings; the same object as long as it is there, by which pictures are known."""
        found = self._states[row].get(slot)
        if found is None or found.frame != frame:
            places = self._courses.get(row).places
            arrays = (array[slot].copy() for array in places)
            traffic = TrafficState(*arrays, self._traffic.memory(row, slot))
            found = self._states[row][slot] = SimState(frame, self._egos[row, slot].copy(), traffic)
        return found


def _room_for(tracks: int) -> Places:
    return Places(np.zeros((KEPT, tracks, 3)), np.zeros((KEPT, tracks, 2)), np.zeros((KEPT, tracks), bool))


def _course_of(drive: Drive, places: Places) -> Course:
    """What kernels need to go on with ``drive``."""
    scene, segment = drive.scene, drive.segment
    ground, (rows, along) = segment.running.ground, scene.lights_on_route
    nobody = np.zeros(len(scene.tracks), bool)
    return Course(
        road=road_arrays(scene),
        ground=ground.arrays,
        dropped=nobody if ground.dropped is None else ground.dropped,
        log_way=segment.log_way,
        lights=scene.lights.status if scene.lights.lane_ids else np.zeros((0, scene.num_frames), np.uint8),
        light_rows=rows,
        light_places=along,
        types=scene.tracks.types,
        sizes=scene.tracks.sizes,
        wheel_base=scene.vehicle.wheel_base,
        hull=hull(scene.vehicle),
        area=map_layers(scene.map).road,
        memory=DriveMemory.of(segment.running.record),
        places=places,
    )
