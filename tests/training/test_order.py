"""The order of samples is known from seed and step."""

import numpy as np
import pytest

from simscale_gym.training.order import rows_of_step, seed_of_step


def test_every_pass_takes_every_sample_once():
    rows = np.concatenate([rows_of_step(10, 4, seed=3, step=step) for step in range(5)])
    assert sorted(rows[:10]) == list(range(10)) and sorted(rows[10:]) == list(range(10))
    assert rows[:10].tolist() != rows[10:].tolist()


def test_batches_may_be_larger_than_the_set():
    rows = rows_of_step(3, 7, seed=0, step=1)
    assert len(rows) == 7 and set(rows) == {0, 1, 2}


@pytest.mark.parametrize("other", [(10, 4, 3, 8), (10, 4, 4, 7)])
def test_seed_and_step_change_it(other):
    assert rows_of_step(10, 4, 3, 7).tolist() != rows_of_step(*other).tolist()


def test_chance_within_a_step_is_its_own():
    seeds = {seed_of_step(seed, step, rank) for seed in range(3) for step in range(3) for rank in range(3)}
    assert len(seeds) == 27 and all(0 <= seed < 2**63 for seed in seeds)
