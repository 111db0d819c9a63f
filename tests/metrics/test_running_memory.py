"""Drives that are judged in place by kernels, against drives that never change."""

from dataclasses import fields

import numpy as np
from numba import njit
from straight_road import situation
from test_running_score import STEPS, company, crossing_map, wandering

from simscale_gym.metrics import DriveGround
from simscale_gym.metrics.running_memory import DriveMemory, filter_table, judge_next
from simscale_gym.scene import Vehicle


@njit
def judged(memory, state, poses, velocities, valid, red, ground, dropped, filters, words):
    judge_next(memory, state, poses, velocities, valid, red, ground, dropped, filters, words)


def assert_same(record, other):
    for field in fields(record):
        one, two = getattr(record, field.name), getattr(other, field.name)
        if field.name == "recent":
            assert len(one) == len(two)
            for (poses, present), (places, there) in zip(one, two, strict=True):
                np.testing.assert_array_equal(poses, places)
                np.testing.assert_array_equal(present, there)
        elif field.name == "comfort":
            assert (one is None) == (two is None)
            if one is not None:
                assert (one.count, one.settled, one.comfortable) == (two.count, two.settled, two.comfortable)
                np.testing.assert_array_equal(one.columns, two.columns)
        else:
            np.testing.assert_array_equal(one, two)


def test_every_step_is_remembered_alike():
    rng, road, met = np.random.default_rng(3), crossing_map(), set()
    lanes, lights, filters = ("right", "left", "through"), ("through", "elsewhere"), filter_table()
    for drive in range(20):
        types, boxes, velocities, valid = company(rng, 12)
        dropped = rng.random(12) < 0.2
        given = dropped if drive % 2 else None
        ground = DriveGround(
            situation(map=road, route_lane_ids=lanes), types, boxes[:, 0, 3:], lights, Vehicle(), given
        )
        states, red = wandering(rng), rng.random((STEPS, 2)) < 0.5
        running = ground.begin(wandering(rng)[:14] if drive % 3 else None)
        memory, left_out = DriveMemory.of(running.record), dropped & (given is not None)
        for k in range(STEPS):
            now = states[k], boxes[:, k, :3].copy(), velocities[:, k].copy(), valid[:, k].copy(), red[k]
            running = running.after(*now)
            judged(memory, *now, ground.arrays, left_out, filters.example, filters.words)
            assert_same(memory.record(), running.record)
            if k % 10 == 0:  # there and back, as of a snapshot
                memory = DriveMemory.of(running.record)
        met |= {code for code, value in running.subscores().items() if value < 1.0}
    assert {"nc", "dac", "ttc", "lk", "tlc"} <= met
