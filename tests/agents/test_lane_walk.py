"""Places on lanes."""

import numpy as np

from simscale_gym.agents.reactive.lane_walk import lane_arrays, project_on_lane
from simscale_gym.geometry import polyline


def test_the_nearest_place_is_that_of_all_segments(town_scene):
    """Stretches that cannot be nearer are passed over; the answer is that of looking at all of them."""
    lanes, rng = lane_arrays(town_scene.map.graph), np.random.default_rng(0)
    for lane in rng.integers(len(lanes.lengths), size=60):
        line = town_scene.map.graph.centerline(lane)
        points = line[rng.integers(len(line), size=20), :2] + rng.normal(size=(20, 2)) * rng.choice(
            [0.1, 3, 30, 200]
        )
        _, across = polyline.project(line, points)
        for point, distance in zip(points, np.abs(across), strict=True):
            s, _, _, found = project_on_lane(lanes, lane, *point)
            place = polyline.at_arc_length(line, np.array([s]))[0, :2]
            np.testing.assert_allclose([found, np.hypot(*(place - point))], distance, atol=1e-6)
