"""What the driving reward pays: term by term, and that the drive that EPDMS likes is the one that it pays best."""

import numpy as np
import pytest
from placed_tracks import ahead_of, with_tracks

from simscale_gym.envs import RewardConfig, SimScaleEnv
from simscale_gym.envs.reward_kernel import TERMS, fill_terms
from simscale_gym.scene import StateIndex, TrackType

CONFIG = RewardConfig()
MOST_BESIDE = 2.0


def terms(speed=10.0, seconds=0.1, **given):
    """The terms of a step of an ego that keeps its speed."""
    before, after = np.zeros(11), np.zeros(11)
    before[StateIndex.VX] = after[StateIndex.VX] = speed
    for name in ("AX", "YAW_RATE", "YAW_ACC"):
        after[StateIndex[name]] = given.pop(name.lower(), 0.0)
        before[StateIndex.AX] = (
            given.pop("ax_before", after[StateIndex.AX]) if name == "AX" else before[StateIndex.AX]
        )
    values = {
        "gained": speed * seconds, "offset": 0.0, "limit": 0.0, "at_fault": False, "left_road": False, "lost_tlc": 0.0,
        "lost_ddc": 0.0, "lost_ttc": 0.0, "arrived": False,
    } | given  # fmt: skip
    out = np.full(len(TERMS), np.nan)
    fill_terms(out, CONFIG.weights, before, after, seconds, *values.values())
    return dict(zip(TERMS, out, strict=True))


@pytest.mark.parametrize(
    ("given", "term", "expected"),
    [
        ({}, "progress", 0.1 * 1.0),
        ({"gained": -0.5}, "progress", -0.05),
        ({"offset": 0.5}, "lane", 0.0),
        ({"offset": -1.5}, "lane", -0.04 * 1.0 * 1.0),
        ({"offset": 30.0}, "lane", -0.04 * 1.0 * MOST_BESIDE),
        ({"limit": 8.0}, "speed", -0.2 * 0.2),
        ({"limit": 12.0}, "speed", 0.0),
        ({"limit": 0.0}, "speed", 0.0),
        ({"ax": 3.6}, "comfort", -0.2 * 0.1 * 0.5),
        ({"ax": -4.0}, "comfort", 0.0),
        ({"ax": 1.0, "ax_before": -1.0}, "comfort", -0.2 * 0.1),
        ({"yaw_rate": 0.95 * 1.25}, "comfort", -0.2 * 0.1 * 0.25),
        ({"yaw_acc": -1.93 * 1.5}, "comfort", -0.2 * 0.1 * 0.5),
        ({"at_fault": True}, "collision", -15.0),
        ({"left_road": True}, "off_road", -15.0),
        ({"lost_tlc": 1.0}, "red_light", -15.0),
        ({"lost_ddc": 0.5}, "direction", -7.5),
        ({"lost_ttc": 1.0}, "time_to_collision", -2.0),
        ({"arrived": True}, "goal", 1.0),
    ],
)
def test_terms(given, term, expected):
    found = terms(**given)
    assert found[term] == pytest.approx(expected, abs=1e-9)
    others = {name for name, value in found.items() if value and name not in (term, "progress")}
    assert not others


def test_who_stands_is_neither_paid_nor_charged():
    assert not any(terms(speed=0.0, offset=9.0, limit=10.0).values())


def test_no_fault_is_worth_its_gain():
    """A drive of 8 s at 50 km/h earns less than any fault costs, and ending it by one never pays."""
    longest = CONFIG.progress * 8.0 * 50.0 / 3.6
    assert longest < min(-CONFIG.collision, -CONFIG.off_road, -CONFIG.red_light, -CONFIG.direction)


def test_neither_speeding_nor_driving_beside_the_way_earns_more():
    allowed, faster = (sum(terms(speed=speed, limit=13.9).values()) for speed in (13.9, 25.0))
    assert faster < allowed
    beside = sum(terms(offset=30.0).values())
    assert 0.0 < beside < sum(terms(offset=0.0).values())


def total(env, action, seed, options=None):
    """Return of one driver's episode; ``action`` is a function of ``info``."""
    _, info = env.reset(seed=seed, options=options)
    gained, over = 0.0, False
    while not over:
        _, reward, terminated, truncated, info = env.step(np.asarray(action(info), np.float32))
        gained, over = gained + reward, terminated or truncated
    return gained


SIMPLE = {
    "full braking": lambda info: (-1.0, 0.0),
    "braking to rest": lambda info: (-0.4, 0.0),
    "straight on": lambda info: (0.0, 0.0),
    "full throttle": lambda info: (1.0, 0.0),
    "full throttle on the way": lambda info: (1.0, info["expert_action"][1]),
    "jitter": lambda info: np.random.default_rng(info["time_us"]).uniform(-1.0, 1.0, 2),
}


def test_the_planner_earns_more_than_simple_drivers(town_log):
    """benchmarks/rewards.py measures the share over the test split."""
    env = SimScaleEnv(town_log[1:4], observation="state", experts=("planner",))
    for seed in range(3):
        planner = total(env, lambda info: info["expert_action"], seed)
        others = {name: total(env, action, seed) for name, action in SIMPLE.items()}
        assert planner > max(others.values()) - 0.05, others


def test_waiting_at_red_earns_more_than_running_it(red_light):
    scene, frame = red_light
    env = SimScaleEnv([scene], observation="state", experts=(), perturb=False, horizon=8.0)
    at = {"time": frame / 10.0}
    waiting, running = (total(env, lambda info, a=a: (a, 0.0), 0, at) for a in (-1.0, 0.5))
    assert waiting == pytest.approx(0.0, abs=0.1) and running < waiting - 5.0


def test_a_collision_costs_more_than_stopping_before_it(town_scene):
    scene = with_tracks(town_scene, (ahead_of(town_scene, 30, 30.0), 0.0, TrackType.VEHICLE))
    env = SimScaleEnv([scene], observation="state", experts=(), perturb=False, traffic="log")
    on, stop = (total(env, lambda info, a=a: (a, 0.0), 0, {"time": 3.0}) for a in (0.0, -0.6))
    assert on < stop - 10.0
