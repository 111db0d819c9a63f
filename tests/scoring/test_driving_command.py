"""The command that logs carry: where the route's centreline lies 20 m ahead, as OpenScene says it."""

import numpy as np
import pytest

from simscale_gym.scene import Lane, Roadblock, RoadMap
from simscale_gym.scene.road_view import LEFT, RIGHT, STRAIGHT, UNKNOWN
from simscale_gym.scoring.driving_command import driving_command


def road(*lines):
    """Lanes in a row, each a roadblock of its own, 3.5 m wide."""
    count, lanes, blocks = len(lines), {}, {}
    for k, points in enumerate(lines):
        points = np.asarray(points, float)
        steps = np.gradient(points, axis=0)
        normal = np.column_stack([-steps[:, 1], steps[:, 0]]) / np.hypot(*steps.T)[:, None] * 1.75
        left, right = points + normal, points - normal
        before, after = ((str(k - 1),) if k else ()), ((str(k + 1),) if k + 1 < count else ())
        line = np.column_stack([points, np.arctan2(steps[:, 1], steps[:, 0])])
        ring = np.concatenate([left, right[::-1]])
        lanes[str(k)] = Lane(
            str(k), bool(k % 2), f"b{k}", line, ring, left, right, predecessors=before, successors=after
        )
        links = (tuple(f"b{i}" for i in before), tuple(f"b{i}" for i in after))
        blocks[f"b{k}"] = Roadblock(f"b{k}", bool(k % 2), ring, (str(k),), *links)
    return RoadMap("road", lanes, blocks)


def arc(radius, length, side):
    """A straight of 30 m and an arc."""
    s = np.arange(0.0, length, 0.25)
    turned = np.column_stack([radius * np.sin(s / radius), side * radius * (1.0 - np.cos(s / radius))])
    return np.concatenate([np.column_stack([np.arange(-30.0, 0.0), np.zeros(30)]), turned])


ROUTE = ("b0", "b1")


@pytest.mark.parametrize(
    ("radius", "side", "expected"),
    [(80.0, 1, LEFT), (80.0, -1, RIGHT), (120.0, 1, STRAIGHT), (120.0, -1, STRAIGHT)],
)
def test_two_metres_to_the_side_in_twenty(radius, side, expected):
    """20 m of an arc of radius 100 m lead 2 m aside."""
    points = arc(radius, 60.0, side)
    pose = np.array([0.0, 0.0, 0.0])
    assert driving_command(road(points[:200], points[199:]), ROUTE, pose) == expected


def test_neither_offset_nor_heading_of_the_ego_matter():
    points = arc(60.0, 60.0, 1)
    straight = road(np.column_stack([np.arange(0.0, 100.0), np.zeros(100)]), [[99.0, 0.0], [120.0, 0.0]])
    for pose in ([0.0, 1.5, 0.3], [0.0, -1.5, -0.3]):
        assert driving_command(road(points[:200], points[199:]), ROUTE, np.array(pose)) == LEFT
        assert driving_command(straight, ROUTE, np.array([20.0, *pose[1:]])) == STRAIGHT


def test_the_place_along_the_route_decides():
    points = arc(20.0, 31.4, -1)  # a quarter to the right, after 30 m
    built = road(points[:60], points[59:])
    commands = [driving_command(built, ROUTE, np.array([x, 0.0, 0.0])) for x in (-29.0, -20.0, -8.0, -1.0)]
    assert commands == [STRAIGHT, STRAIGHT, RIGHT, RIGHT]


def test_without_a_route_to_be_met_nothing_is_known():
    built = road(
        np.column_stack([np.arange(0.0, 40.0), np.zeros(40)]),
        np.column_stack([np.arange(39.0, 80.0), np.zeros(41)]),
    )
    here = np.array([60.0, 0.0, 0.0])
    assert driving_command(built, (), here) == UNKNOWN
    assert driving_command(built, ("elsewhere",), here) == UNKNOWN
    assert driving_command(built, ("b0",), here) == UNKNOWN  # it lies behind
    assert driving_command(built, ("b1",), np.array([10.0, 0.0, 0.0])) == STRAIGHT  # it is reached


def test_at_the_end_of_the_route_there_is_nothing_to_the_side():
    built = road(
        np.column_stack([np.arange(0.0, 40.0), np.zeros(40)]),
        np.column_stack([np.arange(39.0, 60.0), np.zeros(21)]),
    )
    assert driving_command(built, ROUTE, np.array([58.0, 0.0, 0.0])) == STRAIGHT
