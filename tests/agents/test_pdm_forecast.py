"""What PDM-Closed expects of the others."""

from dataclasses import replace

import numpy as np
import pytest

from simscale_gym.agents.pdm.config import PDMConfig
from simscale_gym.agents.pdm.forecast import forecast_objects
from simscale_gym.metrics import Agents, MapLayers, Situation, forecast
from simscale_gym.scene import TrackType

EGO = np.zeros(11)


def crowd(count, seed=0):
    rng = np.random.default_rng(seed)
    boxes = np.column_stack(
        [rng.uniform(-120, 120, (count, 2)), rng.uniform(-3, 3, count), rng.uniform(0.5, 5, (count, 2))]
    )
    return boxes, rng.normal(0, 6, (count, 2)), rng.integers(0, 7, count).astype(np.uint8)


def test_agrees_with_the_forecast_of_a_situation():
    boxes, velocities, types = crowd(400)
    ours = forecast_objects(EGO, boxes, velocities, types)
    mine = ours.agents(PDMConfig())
    steps = 41
    agents = Agents(
        tuple(map(str, range(400))),
        types,
        np.repeat(boxes[:, None], steps, 1),
        np.repeat(velocities[:, None], steps, 1),
        np.ones((400, steps), bool),
    )
    line = np.array([[0.0, 0.0], [10.0, 0.0]])
    theirs = forecast(Situation(MapLayers((), (), ()), line, (), agents), EGO).agents
    order = np.argsort(ours.rows)
    assert [str(row) for row in ours.rows[order]] == list(theirs.tokens)
    np.testing.assert_allclose(mine.boxes[order], theirs.boxes, atol=1e-9)
    np.testing.assert_array_equal(mine.ignored[order], theirs.ignored)


def test_takes_the_nearest_of_each_kind_statics_first():
    x = np.arange(10.0, 90.0)
    boxes = np.column_stack([x[::-1], 0 * x, 0 * x, 0 * x + 1, 0 * x + 1])
    types = np.full(80, TrackType.PEDESTRIAN, np.uint8)
    types[::2] = TrackType.BARRIER
    ours = forecast_objects(EGO, boxes, np.zeros((80, 2)), types, replace(PDMConfig(), nearest=(1, 1, 3, 2)))
    assert ours.rows.tolist() == [78, 76, 79, 77, 75]


def test_moves_every_second_step_along_the_heading():
    boxes = np.array([[20.0, 0, 0, 4, 2], [20.0, 9, 0, 4, 2], [20.0, -9, 0, 1, 1]])
    velocities = np.array([[3.0, 4.0], [-3.0, 4.0], [7.0, 0.0]])  # the second one drives backwards
    types = [TrackType.VEHICLE, TrackType.VEHICLE, TrackType.TRAFFIC_CONE]
    now = forecast_objects(EGO, boxes, velocities, types)
    x = {row: agent[:, 0] for row, agent in zip(now.rows, now.agents(PDMConfig()).boxes, strict=True)}
    assert x[0][[0, 1, 2, 3, 40]] == pytest.approx([20.0, 20.0, 21.0, 21.0, 40.0])
    assert x[1][40] == pytest.approx(0.0)
    assert np.ptp(x[2]) == 0.0


def test_ignores_whom_the_ego_touches_and_leaves_out_on_request():
    boxes = np.array([[4.0, 2.0, 0, 4, 2], [30.0, 0, 0, 4, 2], [40.0, 0, 0, 4, 2]])
    now = forecast_objects(EGO, boxes, np.zeros((3, 2)), [0, 0, 0], ignored=np.array([False, True, False]))
    assert now.rows.tolist() == [0, 2]
    assert now.motion.ignored.tolist() == [True, False]
