"""Scored while it is driven: at every step what the batched scorer says of the states so far."""

import numpy as np
import pytest
from placed_tracks import ahead_of, with_tracks

from simscale_gym.agents.log_replay import LogReplay
from simscale_gym.agents.reactive.idm import IDMTraffic
from simscale_gym.metrics import COLUMNS, RUNNING_COLUMNS, running_columns
from simscale_gym.metrics.centerline import ego_progress
from simscale_gym.metrics.running_kernel import MEMORY
from simscale_gym.scene import StateIndex, TrackType
from simscale_gym.scoring.running_segment import RunningSegment
from simscale_gym.scoring.segment import ego_history, score_segment
from simscale_gym.sim import SimState, start, step

CODES = [code for code in COLUMNS if code not in ("ep", "ec")]


def wild_drive(scene, traffic, frame, rng, steps, acceleration=None):
    """Under a command that sways around a constant one, whose acceleration [m/s^2] is drawn if none is given."""
    drawn = np.array([rng.uniform(-3.0, 3.0), rng.normal(0.0, 0.05)])
    lasting = drawn if acceleration is None else np.array([acceleration, 0.0])
    states = [start(scene, traffic, frame)]
    for _ in range(steps):
        states.append(step(scene, traffic, states[-1], lasting + rng.normal(0.0, [1.5, 0.1])))
    return states


@pytest.mark.parametrize("traffic", [LogReplay(), IDMTraffic()], ids=["log", "idm"])
def test_equal_to_the_batched_scorer_at_every_step(town_log, red_light, traffic):
    """Among the log's traffic, towards a car that stands on the road, and over a red light."""
    rng, met = np.random.default_rng(3), set()
    for trial in range(10):
        scene, frame = town_log[trial % len(town_log)], int(rng.integers(15, 110))
        if trial % 2:
            scene = with_tracks(scene, (ahead_of(scene, frame, 14.0), 0.0, TrackType.VEHICLE))
        if over_red := trial == 0:
            scene, frame = red_light
        states = wild_drive(scene, traffic, frame, rng, 60, 2.0 if over_red else None)
        history = ego_history(scene, states[:1])
        running = RunningSegment.begin(scene, states[:1])
        for count in range(1, len(states) + 1):
            running = running if count == 1 else running.after(states[count - 1])
            batch, now = score_segment(scene, states[:count], history), running.subscores()
            assert {code: now[code] for code in CODES} == {code: getattr(batch, code)[0] for code in CODES}
            assert running.running.progress == pytest.approx(batch.progress[0], abs=1e-9)
            np.testing.assert_array_equal(running.running.record.areas, batch.areas[0][-MEMORY:])
            both = np.array([running.reference, batch.progress[0]]), np.array([1.0, batch.product[0]])
            assert now["ep"] == ego_progress(*both)[1]
            assert now["ep"] < 1.0 or running_columns(now)["score"] == pytest.approx(
                batch.total[0], abs=1e-12
            )
            met |= {(code, now[code]) for code in CODES}
    assert met >= {(code, value) for code in CODES for value in (0.0, 1.0)}, "too few kinds of drives to tell"


def test_every_subscore_is_lost_in_some_drive(town_log):
    """The comparison above would mean little for a subscore that never changes."""
    rng, met = np.random.default_rng(5), set()
    for trial in range(40):
        scene, frame = town_log[trial % len(town_log)], int(rng.integers(15, 110))
        states = wild_drive(scene, LogReplay(), frame, rng, 60)
        running = RunningSegment.begin(scene, states[:1])
        for state in states[1:]:
            running = running.after(state)
        met |= {code for code, value in running.subscores().items() if value == 0.0}
    assert met >= {"nc", "dac", "ddc", "tlc", "ttc", "lk", "hc"}


def test_history_counts_for_comfort(town_scene):
    """A hard brake before the first step, and none after it."""
    traffic, states = LogReplay(), [start(town_scene, LogReplay(), 30)]
    for k in range(30):
        states.append(step(town_scene, traffic, states[-1], np.array([-8.0 if k < 14 else 0.0, 0.0])))
    rough, fresh = (RunningSegment.begin(town_scene, part) for part in (states[:18], states[17:18]))
    for state in states[18:]:
        rough, fresh = rough.after(state), fresh.after(state)
    batch = score_segment(town_scene, states[17:], ego_history(town_scene, states[:18]))
    assert rough.subscores()["hc"] == batch.hc[0] == 0.0


def test_progress_is_relative_to_the_log(town_scene):
    traffic = LogReplay()
    states = [start(town_scene, traffic, 30)]
    running = standing = RunningSegment.begin(town_scene, states)
    at_rest = states[0].ego.copy()
    at_rest[StateIndex.VX :] = 0.0
    for frame in range(31, 91):
        others = traffic.start(town_scene, frame, at_rest)
        running = running.after(SimState(frame, town_scene.ego.states[frame], others))
        standing = standing.after(SimState(frame, at_rest, others))
        if standing.reference <= 5.0:
            assert standing.subscores()["ep"] == 1.0
    assert running.reference > 20.0
    assert running.running.progress == pytest.approx(running.reference, abs=1e-9)
    assert running.subscores()["ep"] == 1.0 and standing.subscores()["ep"] == 0.0
    kept = 5.0 + 2.0 + 2.0 * standing.subscores()["hc"]  # weights of TTC, LK and HC; 5 of 14 are EP's
    assert running_columns(standing.subscores())["score"] == pytest.approx(kept / 14.0)


def test_past_the_logs_end_its_way_stays(town_scene):
    frame = town_scene.num_frames - 3
    running = RunningSegment.begin(town_scene, [start(town_scene, LogReplay(), frame)])
    ways = []
    for ahead in range(1, 8):
        state = SimState(
            frame + ahead,
            town_scene.ego.states[-1],
            LogReplay().start(town_scene, frame + ahead, town_scene.ego.states[-1]),
        )
        running = running.after(state)
        ways.append(running.reference)
    assert ways[0] < ways[1] == ways[-1]


def test_going_on_leaves_what_was_as_it_was(town_scene):
    states = wild_drive(town_scene, LogReplay(), 40, np.random.default_rng(0), 40)
    running = RunningSegment.begin(town_scene, states[:1])
    for state in states[1:20]:
        running = running.after(state)
    before, tally = running.subscores(), running.running.record.tally.copy()
    one, two = running, running
    for state in states[20:]:
        one = one.after(state)
    np.testing.assert_array_equal(running.running.record.tally, tally)
    for state in states[20:]:
        two = two.after(state)
    assert running.subscores() == before and one.subscores() == two.subscores()


def test_columns_have_navsims_names(town_scene):
    states = [start(town_scene, LogReplay(), 30)]
    columns = running_columns(RunningSegment.begin(town_scene, states).subscores())
    assert tuple(columns) == RUNNING_COLUMNS and "two_frame_extended_comfort" not in columns
    batch = score_segment(town_scene, states, ego_history(town_scene, states)).columns()
    assert columns == {name: value[0] for name, value in batch.items()}
