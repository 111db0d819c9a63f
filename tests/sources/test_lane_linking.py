import numpy as np
import pytest
import shapely

from simscale_gym.geometry import polyline
from simscale_gym.scene import Turn
from simscale_gym.sources.inferred import lane_edges, lane_linking


def straight(start, heading, length):
    s = np.arange(0.0, length + 0.5)
    start = np.asarray(start, float)
    return np.column_stack(
        [start[0] + s * np.cos(heading), start[1] + s * np.sin(heading), np.full(len(s), heading)]
    )


def arc(center, radius, first, last):
    angle = np.linspace(first, last, 30)
    points = np.asarray(center) + radius * np.column_stack([np.cos(angle), np.sin(angle)])
    return polyline.with_headings(points)


def strip(line, half=1.75):
    return shapely.Polygon(lane_edges.ring_between(*lane_edges.edges_of(line, half, half)))


def test_lanes_link_where_one_ends_and_another_starts():
    a, b = straight((0, 0), 0.0, 20), straight((20, 0), 0.1, 20)
    back = straight((20, 0.2), np.pi, 20)
    assert lane_linking.link_ends([a, b, back]) == [[1], [], []]
    assert lane_linking.inverse_links([[1], [], []]) == [[], [0], []]


@pytest.mark.parametrize(
    ("start", "heading", "linked"),
    [
        ((23, 0), 0.0, True),  # a gap straight ahead
        ((23, 1.5), 0.0, False),  # beside
        ((23, 0), 0.6, False),  # bent
        ((26, 0), 0.0, False),  # too far
        ((17, 0), 0.0, False),  # behind
    ],
)
def test_gaps_are_bridged_only_straight_ahead(start, heading, linked):
    successors = lane_linking.link_ends([straight((0, 0), 0.0, 20), straight(start, heading, 20)])
    assert successors[0] == ([1] if linked else [])


def test_a_touching_lane_beats_one_behind_a_gap():
    lines = [straight((0, 0), 0.0, 20), straight((23, 0), 0.0, 9), arc((20, 5), 5.0, -np.pi / 2, 0.0)]
    assert lane_linking.link_ends(lines)[0] == [2]


def test_crossings_forks_and_merges():
    across, up = straight((-10, 0), 0.0, 20), straight((0, -10), np.pi / 2, 20)
    left, into = arc((-10, 10), 10.0, -np.pi / 2, 0.0), straight((-30, 0), 0.0, 20)
    crossing, joined = lane_linking.meeting_pairs([across, up, left, into])
    assert {tuple(p) for p in crossing} == {(0, 1)}
    assert {tuple(p) for p in joined} == {(0, 2), (1, 2)}
    assert lane_linking.find_connectors([across, up, left, into]).tolist() == [True, True, True, False]


def test_a_long_merge_is_a_road_of_its_own():
    ramp = np.array([[-100.0, -20.0], [-40.0, -2.0], [0.0, 0.0]])
    ramp = polyline.with_headings(polyline.resample(ramp, 1.0))
    assert not lane_linking.find_connectors([straight((-100, 0), 0.0, 100), ramp]).any()


def test_overlapping_areas_cluster_in_chains():
    boxes = [
        shapely.box(0, 0, 4, 4),
        shapely.box(3, 0, 7, 4),
        shapely.box(6, 0, 10, 4),
        shapely.box(10, 0, 12, 4),
    ]
    labels = lane_linking.cluster_overlapping(boxes, 4.0)
    assert labels[0] == labels[1] == labels[2] != labels[3]
    assert len(set(lane_linking.cluster_overlapping(boxes, 4.5))) == 4


def test_neighbors_run_side_by_side_in_one_direction():
    lines = [straight((0, 0), 0.0, 40), straight((0, 3.5), 0.0, 40), straight((0, -3.5), 0.0, 40)]
    lines += [straight((40, 7.0), np.pi, 40), straight((0, -7.0), 0.0, 10)]  # oncoming, and too short
    pairs = lane_linking.neighbor_pairs(
        lines, [strip(x) for x in lines], [np.full(len(x), 1.75) for x in lines]
    )
    assert {tuple(p) for p in pairs} == {(0, 1), (2, 0)}
    assert [1, 0, 2] in lane_linking.group_parallel(lines, pairs)


def test_groups_are_ordered_left_to_right_in_a_bend():
    lines = [arc((0, 0), radius, 0.0, np.pi) for radius in (23.5, 20.0, 27.0)]
    pairs = lane_linking.neighbor_pairs(lines, [strip(x) for x in lines], [np.full(30, 1.75)] * 3)
    assert lane_linking.group_parallel(lines, pairs) == [[1, 0, 2]]


@pytest.mark.parametrize(
    ("last", "turn"),
    [(0.4, Turn.STRAIGHT), (np.pi / 2, Turn.LEFT), (-np.pi / 2, Turn.RIGHT), (3.1, Turn.UTURN)],
)
def test_turns(last, turn):
    first = -np.pi / 2 if last > 0 else np.pi / 2
    assert lane_linking.turn_of(arc((0, 0), 8.0, first, first + last)) == turn


def test_rays_meet_the_nearest_edge_on_either_side():
    segments = np.array(
        [[[-1, 2], [9, 2]], [[-1, 3], [9, 3]], [[-1, -1.5], [9, -1.5]], [[20, 1], [30, 1]]], float
    )
    left, right = lane_edges.cast_sideways(np.array([[0.0, 0.0, 0.0], [4.0, 0.0, np.pi]]), segments)
    assert left == pytest.approx([2.0, 1.5]) and right == pytest.approx([1.5, 2.0])
    assert np.isinf(lane_edges.cast_sideways(np.array([[50.0, 0.0, 0.0]]), segments)).all()


def test_half_widths_of_a_polygon_that_widens():
    line = straight((0, 0), 0.0, 20)
    ring = np.array([[0, 2], [20, 4], [20, -1.5], [0, -1.5]], float)
    left, right = lane_edges.half_widths(line, lane_edges.ring_segments(ring), 12.0)
    assert np.allclose(left[1:-1], np.linspace(2, 4, 21)[1:-1], atol=0.01) and np.allclose(right, 1.5)


def test_a_side_that_few_rays_meet_is_unknown():
    segments = np.array([[[0, 2], [5, 2]], [[0, -2], [15, -2]]], float)
    left, right = lane_edges.half_widths(straight((0, 0), 0.0, 20), segments, 3.0)
    assert left is None and np.allclose(right, 2.0)
