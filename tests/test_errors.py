"""How messages quote what a stranger's file holds."""

import numpy as np
import pytest

from simscale_gym.errors import shown


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("text", "'text'"),
        (3, "3"),
        (None, "None"),
        ([1, 2.5], "[1, 2.5]"),
        pytest.param(10**5000, "a whole number of 16610 bits", id="thousands of digits"),
        (np.array([None, 1], object), "an array of object of shape (2,)"),
        (np.zeros(2), "array([0., 0.])"),
    ],
)
def test_values_in_messages(value, wanted):
    assert shown(value) == wanted


def test_no_value_takes_long():
    twice, deep = ["x"], []
    for _ in range(100):
        twice = [twice, twice]
    for _ in range(100_000):
        deep = [deep]
    for value in (twice, deep, {"a": twice}, "x" * 10**6, b"x" * 10**6, [10**5000] * 9):
        assert 0 < len(shown(value)) <= 60
