import numpy as np
import pytest
from placed_tracks import ahead_of, with_tracks

from simscale_gym.agents.log_replay import LogReplay
from simscale_gym.agents.pdm.planner_expert import PlannerExpert, reference_drive
from simscale_gym.geometry import se2
from simscale_gym.metrics import Scores
from simscale_gym.perturbation import AlgorithmConfig, Bounds, Telemetry, find_candidates
from simscale_gym.perturbation.gate import gate_failures
from simscale_gym.perturbation.grid import cells, interleaved
from simscale_gym.scene import TrackType
from simscale_gym.scoring.segment import ego_history, score_segment
from simscale_gym.sim import rollout, start, track

FRAME = 76


def found_in(scene, vocabulary, config=None, seed=0, frame=FRAME):
    begin, telemetry = start(scene, LogReplay(), frame), Telemetry()
    reference = reference_drive(scene, begin, PlannerExpert())
    rng = np.random.default_rng(seed)
    config = config or AlgorithmConfig()
    return find_candidates(scene, begin, reference, vocabulary, config, rng, telemetry), telemetry


def scored(**subscores):
    codes = ("nc", "dac", "ddc", "tlc", "ep", "ttc", "lk", "hc")
    flat = {"progress": np.ones(1), "collision_step": np.zeros(1, int), "ttc_step": np.zeros(1, int)}
    flat |= {"comfort": np.ones((1, 6), bool), "areas": np.zeros((1, 41), np.uint8)}
    return Scores(**{code: np.array([subscores.get(code, 1.0)]) for code in codes}, **flat)


@pytest.mark.parametrize(
    ("subscores", "blamed"),
    [
        ({}, ""),
        ({"lk": 0.0}, ""),  # 12/14
        ({"lk": 0.0, "ep": 0.8}, "lk"),  # 11/14 = 0.79; costs 2 against 1
        ({"lk": 0.0, "ep": 0.5}, "ep"),
        ({"hc": 0.0, "lk": 0.0}, "lk"),  # the first of equals
        ({"ttc": 0.0}, "ttc"),
        ({"ddc": 0.5}, "ddc"),
        ({"nc": 0.5, "dac": 0.0, "ttc": 0.0}, "nc"),
        ({"ep": 0.45}, ""),  # 11.25/14
        ({"ep": 0.43}, "ep"),
    ],
)
def test_the_gate_blames_what_costs_most(subscores, blamed):
    assert gate_failures(scored(**subscores), 0.8).tolist() == [blamed]


def test_candidates_are_within_bounds_good_and_one_to_a_cell(town_scene, vocabulary):
    candidates, _ = found_in(town_scene, vocabulary)
    assert len(candidates) > 3 and len(set(candidates.indices)) == len(candidates)
    assert (np.abs(candidates.offsets) <= [20.0, 2.0, np.radians(20.0)]).all()
    assert (candidates.totals >= 0.8).all()
    indices = cells(candidates.offsets)
    assert interleaved(indices).all() and len(np.unique(indices, axis=0)) == len(indices)


def test_their_scores_are_those_of_the_same_drive_alone(town_scene, vocabulary):
    """Driven one by one among the log's others and scored as a segment, each comes out the same."""
    scene = with_tracks(town_scene, (ahead_of(town_scene, FRAME, 60.0), 3.0, TrackType.VEHICLE))
    candidates, _ = found_in(scene, vocabulary)
    begin = start(scene, LogReplay(), FRAME)
    reference, history = reference_drive(scene, begin, PlannerExpert()), ego_history(scene, [begin])
    assert len(candidates)
    for row in range(len(candidates)):
        states = (begin, *rollout(scene, LogReplay(), begin, candidates.plans[row]))
        alone = score_segment(scene, states, history, reference)
        assert alone.total[0] == pytest.approx(candidates.totals[row], abs=1e-9)
        driven = track(begin.ego, candidates.plans[row], vehicle=scene.vehicle)
        logged = scene.ego.poses[FRAME + 40]
        np.testing.assert_allclose(
            se2.poses_to_local(logged, driven[None, -1, :3])[0], candidates.offsets[row], atol=1e-9
        )


def test_every_trajectory_is_accounted_for(town_scene, vocabulary):
    candidates, telemetry = found_in(town_scene, vocabulary)
    flows = [telemetry.flow(stage) for stage in ("bounds", "gate", "grid")]
    assert flows[0].entered == len(vocabulary) and flows[2].passed == len(candidates)
    for flow in flows:
        assert flow.entered == flow.passed + flow.rejected.total()
    assert [flow.passed for flow in flows[:2]] == [flow.entered for flow in flows[1:]]
    assert telemetry.candidates == [flows[1].passed] and telemetry.cells == [len(candidates)]


def test_a_wall_ahead_stops_them_at_the_gate(town_scene, vocabulary):
    pose = ahead_of(town_scene, FRAME, 9.0)
    across = np.array([-np.sin(pose[2]), np.cos(pose[2]), 0.0])
    wall = [(pose + side * across, 0.0, TrackType.VEHICLE) for side in np.arange(-12.0, 12.1, 2.0)]
    free, _ = found_in(with_tracks(town_scene), vocabulary)
    walled, telemetry = found_in(with_tracks(town_scene, *wall), vocabulary)
    rejected = telemetry.flow("gate").rejected
    assert len(walled) < len(free) and rejected["nc"] > 0


def test_who_touches_the_log_does_not_count_as_in_log_replay(town_scene, vocabulary):
    """A car that stands inside the ego: NAVSIM's replay drops it, so that the others still count."""
    inside = (ahead_of(town_scene, FRAME, 1.4), 0.0, TrackType.VEHICLE)
    free, _ = found_in(with_tracks(town_scene), vocabulary)
    touched, _ = found_in(with_tracks(town_scene, inside), vocabulary)
    assert len(free)
    np.testing.assert_array_equal(free.indices, touched.indices)


def test_nothing_within_bounds(town_scene, vocabulary):
    narrow = AlgorithmConfig(bounds=Bounds(longitudinal=0.0, lateral=0.0, minimum=0.0))
    candidates, telemetry = found_in(town_scene, vocabulary, narrow)
    assert len(candidates) == 0 and candidates.plans.shape == (0, 41, 3)
    assert telemetry.flow("bounds").rejected.total() == len(vocabulary)
    assert telemetry.candidates == [0] and telemetry.cells == [0]


def test_the_seed_decides_the_order_only(town_scene, vocabulary):
    some = [found_in(town_scene, vocabulary, seed=seed)[0] for seed in (0, 0, 1)]
    np.testing.assert_array_equal(some[0].indices, some[1].indices)
    assert not np.array_equal(some[0].indices, some[2].indices)
    one, two = ({tuple(cell) for cell in cells(c.offsets)} for c in (some[0], some[2]))
    assert one == two
