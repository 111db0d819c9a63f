"""A score that grows with the drive, against the batched scorer on what has been driven so far."""

import numpy as np
import pytest
from straight_road import rectangle, road_map, situation

from simscale_gym.errors import ArgumentError
from simscale_gym.metrics import Agents, DriveGround, MapLayers, score
from simscale_gym.scene import StateIndex, Vehicle

STEPS = 60
CODES = ("nc", "dac", "ddc", "tlc", "ttc", "lk", "hc")


def crossing_map():
    """The straight road with a crossing from x 20 to 30, through which lane "through" leads."""
    road = road_map()
    more = (rectangle(20, -10, 30, 10), rectangle(20, -1.75, 30, 1.75))
    tokens = (*road.tokens, "crossing", "through")
    return MapLayers((*road.rings, *more), (*road.layers, "INTERSECTION", "LANE_CONNECTOR"), tokens)


def wandering(rng):
    """States ``[T, 11]`` of an ego that sways along the road, sometimes the wrong way."""
    states = np.zeros((STEPS, 11))
    speed = np.clip(rng.uniform(-2.0, 10.0) + np.cumsum(rng.normal(0.0, 0.3, STEPS)), 0.0, 15.0)
    heading = rng.choice([0.0, 0.0, np.pi]) + np.cumsum(rng.normal(0.0, rng.choice([0.002, 0.03]), STEPS))
    states[:, StateIndex.X] = rng.uniform(-10.0, 40.0) + np.cumsum(0.1 * speed * np.cos(heading))
    states[:, StateIndex.Y] = rng.uniform(-1.0, 4.0) + np.cumsum(0.1 * speed * np.sin(heading))
    states[:, StateIndex.HEADING], states[:, StateIndex.VX] = heading, speed
    states[:, StateIndex.AX] = np.gradient(speed, 0.1)
    return states


def company(rng, count):
    """Agents of all kinds that drive about; some are there only for a while."""
    types = rng.integers(0, 7, count).astype(np.uint8)
    boxes, velocities = np.zeros((count, STEPS, 5)), np.zeros((count, STEPS, 2))
    speeds, headings = rng.choice([0.0, 0.03, 5.0, 9.0], count), rng.uniform(-np.pi, np.pi, count)
    direction = np.stack([np.cos(headings), np.sin(headings)], 1)
    velocities[:] = (speeds[:, None] * direction)[:, None]
    boxes[..., :2] = (
        rng.uniform([-20, -4], [60, 6], (count, 2))[:, None]
        + velocities * 0.1 * np.arange(STEPS)[None, :, None]
    )
    velocities *= rng.choice([0.0, 1.0], (count, STEPS, 1))  # only the first one counts
    boxes[..., 2] = headings[:, None]
    boxes[..., 3:] = rng.uniform([0.5, 0.4], [5.0, 2.0], (count, 2))[:, None]
    valid = np.ones((count, STEPS), bool)
    for row in np.flatnonzero(rng.random(count) < 0.4):
        low, high = np.sort(rng.integers(0, STEPS, 2))
        valid[row] = False
        valid[row, low : high + 1] = True
    return types, boxes, velocities, valid


def grown(ground, history, states, others, red):
    """The running score after each step."""
    _, boxes, velocities, valid = others
    running, out = ground.begin(history), []
    for k, state in enumerate(states):
        running = running.after(state, boxes[:, k, :3], velocities[:, k], valid[:, k], red[k])
        out.append(running)
    return out


@pytest.mark.parametrize("seed", range(30))
def test_equal_to_the_batched_scorer(seed):
    rng = np.random.default_rng(seed)
    states, history = wandering(rng), wandering(rng)[:14]
    types, boxes, velocities, valid = others = company(rng, 12)
    red, lights = rng.random((STEPS, 2)) < 0.5, ("through", "elsewhere")
    road, lanes = crossing_map(), ("right", "left", "through")
    ground = DriveGround(situation(map=road, route_lane_ids=lanes), types, boxes[:, 0, 3:], lights, Vehicle())
    for count, running in enumerate(grown(ground, history, states, others, red), 1):
        there = valid[:, :count].any(1)
        batch = score(
            situation(
                Agents(
                    tuple(f"agent {n}" for n in np.flatnonzero(there)),
                    types[there],
                    boxes[there, :count],
                    velocities[there, :count],
                    valid[there, :count],
                ),
                map=road,
                route_lane_ids=lanes,
                red_lights=[("through",) if now[0] else () for now in red[:count]],
                history=history,
            ),
            states[None, :count],
        )
        now = running.subscores()
        assert {code: now[code] for code in CODES} == {code: getattr(batch, code)[0] for code in CODES}, count
        assert running.progress == pytest.approx(batch.progress[0], abs=1e-9)
        assert running.columns() == {
            name: pytest.approx(value[0], abs=1e-12) for name, value in batch.columns().items()
        }


@pytest.mark.parametrize(("speed", "compliance"), [(1.7, 1.0), (1.9, 0.5), (5.3, 0.5), (5.6, 0.0)])
def test_the_way_against_the_route_adds_up_over_eleven_steps(speed, compliance):
    states = np.zeros((STEPS, 11))
    states[:, StateIndex.X] = 50.0 - 0.1 * speed * np.arange(STEPS)
    states[:, StateIndex.Y], states[:, StateIndex.HEADING], states[:, StateIndex.VX] = 3.5, np.pi, speed
    on_right = situation(route_lane_ids=("right",))
    ground = DriveGround(on_right, np.zeros(0, np.uint8), np.zeros((0, 2)))
    nobody = company(np.random.default_rng(0), 0)
    running = grown(ground, None, states, nobody, np.zeros((STEPS, 0), bool))
    assert [running[0].subscores()["ddc"], running[-1].subscores()["ddc"]] == [1.0, compliance]


def test_who_stood_when_first_seen_counts_as_standing():
    """A car at rest that the ego touches beside it is its fault, though the car drives by then."""
    states = np.zeros((STEPS, 11))
    states[:, StateIndex.VX] = 1.0
    others = (
        np.zeros(1, np.uint8),
        np.zeros((1, STEPS, 5)),
        np.zeros((1, STEPS, 2)),
        np.ones((1, STEPS), bool),
    )
    others[1][0, :, :2], others[1][0, :, 3:] = (1.5, 30.0), (4.6, 1.9)
    others[1][0, 1:, 1] = 2.0  # beside the ego from the second step on
    for first, score_then in ((0.0, 0.0), (3.0, 1.0)):
        others[2][0] = 3.0, 0.0
        others[2][0, 0] = first, 0.0
        ground = DriveGround(situation(), others[0], others[1][:, 0, 3:])
        running = grown(ground, None, states, others, np.zeros((STEPS, 0), bool))
        assert [running[k].subscores()["nc"] for k in (0, 1, -1)] == [1.0, score_then, score_then]


def test_without_history_comfort_is_not_judged():
    rng = np.random.default_rng(0)
    states, others = wandering(rng), company(rng, 1)
    ground = DriveGround(situation(), others[0], others[1][:, 0, 3:])
    assert grown(ground, None, states, others, np.zeros((STEPS, 0), bool))[-1].subscores()["hc"] == 1.0


def test_progress_is_relative_to_the_better_of_drive_and_reference():
    rng = np.random.default_rng(0)
    states, others = wandering(rng), company(rng, 0)
    states[:, 1:] = 0.0
    states[:, 0] = np.linspace(0.0, 20.0, STEPS)
    ground = DriveGround(situation(), others[0], others[1][:, 0, 3:])
    running = grown(ground, None, states, others, np.zeros((STEPS, 0), bool))[-1]
    shares = [running.subscores(way)["ep"] for way in (0.0, 5.0, 20.0, 40.0, 80.0)]
    assert shares == pytest.approx([1.0, 1.0, 1.0, 0.5, 0.25])


def test_what_does_not_fit_is_named():
    rng = np.random.default_rng(0)
    states, others = wandering(rng), company(rng, 2)
    ground = DriveGround(situation(), others[0], others[1][:, 0, 3:])
    with pytest.raises(ArgumentError, match=r"history: shape \(3, 4\)"):
        ground.begin(np.zeros((3, 4)))
    with pytest.raises(ArgumentError, match="no step yet"):
        ground.begin().subscores()
    with pytest.raises(ArgumentError, match=r"poses \(3, 3\); expected \[11\], \[2, 3\]"):
        ground.begin().after(states[0], np.zeros((3, 3)), np.zeros((3, 2)), np.ones(3, bool), np.zeros(0))
