import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simscale_gym.perturbation.grid import best_of_cells, cells, interleaved


@pytest.mark.parametrize(
    ("offset", "cell"),
    [
        ((0.0, 0.0), (0, 0)),
        ((2.4, 0.24), (0, 0)),
        ((2.5, -0.25), (1, 0)),
        ((-2.6, -0.26), (-1, -1)),
        ((20.0, 2.0), (4, 4)),
        ((-20.0, -2.0), (-4, -4)),
        ((-17.6, 1.7), (-4, 3)),
    ],
)
def test_cells_are_centered_on_the_logged_pose(offset, cell):
    assert tuple(cells(np.array([offset]))[0]) == cell


def test_the_bounds_hold_nine_by_nine_cells_of_which_every_other_one_stays():
    x, y = np.meshgrid(np.linspace(-20, 20, 401), np.linspace(-2, 2, 401))
    indices = np.unique(cells(np.column_stack([x.ravel(), y.ravel()])), axis=0)
    assert len(indices) == 81
    stays = interleaved(indices)
    assert stays.sum() == 41
    board = stays.reshape(9, 9)
    assert board[4, 4] and board[0, 0] and board[8, 0]
    assert not (board[1:] & board[:-1]).any() and not (board[:, 1:] & board[:, :-1]).any()


def test_each_cell_keeps_its_best():
    indices = np.array([[0, 0], [0, 0], [1, 1], [0, 0], [1, 1], [-2, 0]])
    totals = np.array([0.8, 0.95, 0.9, 0.94, 0.99, 0.81])
    for seed in range(5):
        assert sorted(best_of_cells(indices, totals, np.random.default_rng(seed))) == [1, 4, 5]


def test_chance_settles_ties_and_the_order():
    indices, totals = np.array([[0, 0], [0, 0], [1, 1], [2, 2]]), np.ones(4)
    kept = [tuple(best_of_cells(indices, totals, np.random.default_rng(seed))) for seed in range(30)]
    again = [tuple(best_of_cells(indices, totals, np.random.default_rng(seed))) for seed in range(30)]
    assert kept == again
    assert {0, 1} == {row for rows in kept for row in rows if row < 2}
    assert len({tuple(row > 1 for row in rows) for rows in kept}) > 1
    assert len(best_of_cells(np.zeros((0, 2), int), np.zeros(0), np.random.default_rng(0))) == 0


@given(
    offsets=st.lists(st.tuples(st.floats(-20, 20), st.floats(-2, 2)), min_size=1, max_size=60),
    seed=st.integers(0, 99),
)
def test_no_two_of_a_cell_and_no_cell_lost(offsets, seed):
    indices = cells(np.array(offsets))
    totals = np.random.default_rng(seed).random(len(indices))
    kept = best_of_cells(indices, totals, np.random.default_rng(seed))
    assert len({tuple(cell) for cell in indices}) == len(kept) == len({tuple(cell) for cell in indices[kept]})
    for row in kept:
        assert totals[row] == totals[(indices == indices[row]).all(1)].max()
