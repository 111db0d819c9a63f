"""Fields of any file: what is missing, misshapen or too much is named by its place, in no time."""

import time
from pathlib import Path

import numpy as np
import pytest

from simscale_gym.errors import DataError
from simscale_gym.files.fields import Fields


def fields(**values):
    return Fields.of(Path("a.pkl"), "top", values)


def test_what_is_there_is_read():
    inner = fields(a={"b": {"c": 3}}, list=[{"x": 1}, {"x": 2}], word="red", yes=True)
    assert inner.child("a").child("b").integer("c") == 3
    assert [(name, item.integer("x")) for name, item in inner.children("list")] == [
        ("list[0]", 1),
        ("list[1]", 2),
    ]
    assert inner.text("word", ("red", "blue")) == "red" and inner.flag("yes") is True
    assert [name for name, _ in fields(a={}, b={}).children()] == ["a", "b"]
    assert Fields.of("a", "", {3: 1, "x": 2}).integer("3") == 1
    assert "a" in inner and "z" not in inner and not fields(a=None).has("a")


@pytest.mark.parametrize(
    ("value", "shapes", "expected"),
    [
        ([[1, 2], [3, 4]], [(None, 2)], [[1, 2], [3, 4]]),
        ((1.5, True), [(3,), (2,)], [1.5, 1.0]),
        (np.array([[1, 2, 3]], "<u2"), [(1, 3)], [[1, 2, 3]]),
        (np.array([1, 2.5], object), [(2,)], [1, 2.5]),
        (7, [()], 7),
        (np.float32(2.5), [()], 2.5),
        (np.zeros((2, 0)), [], np.zeros((2, 0))),
    ],
)
def test_numbers_of_arrays_and_lists(value, shapes, expected):
    read = fields(v=value).array("v", *shapes)
    assert read.dtype == np.float64
    np.testing.assert_array_equal(read, expected)


@pytest.mark.parametrize(
    ("value", "shapes"),
    [
        ([[1, 2], [3]], [(None, 2)]),
        ([], [(None, 2)]),
        ([[1, 2, 3]], [(None, 2)]),
        (["1"], [(1,)]),
        ([10**400], [(1,)]),
        ([float("nan")], [(1,)]),
        (np.array(["1"]), [(1,)]),
        (np.array([{}], object), [(1,)]),
        (np.zeros((2, 3)), [(3, 2), (2, 4)]),
        ([1.0], []),
        ({}, [(None,)]),
    ],
)
def test_other_values_are_named(value, shapes):
    with pytest.raises(DataError, match=r"a\.pkl, top\.v: found .*, expected .*finite numbers"):
        fields(v=value).array("v", *shapes, finite=True)


def test_a_last_axis_may_be_longer_where_that_is_said():
    for value in ([[1, 2, 3]], np.ones((1, 3))):
        assert fields(v=value).array("v", (None, 2), wider=True).shape == (1, 3)
        with pytest.raises(DataError, match=r"shape \('N', 2\)"):
            fields(v=value).array("v", (None, 2))
    with pytest.raises(DataError):
        fields(v=np.ones((2, 1))).array("v", (None, 2), wider=True)


def test_lists_that_repeat_one_another_are_refused_at_once():
    bomb = [0.0] * 1000
    for _ in range(5):
        bomb = [bomb] * 1000
    began = time.process_time()
    for shape in ((None, 2), (None, None), (1000, 1000), (None,)):
        with pytest.raises(DataError, match=r"top\.v"):
            fields(v=bomb).array("v", shape, wider=True)
    assert time.process_time() - began < 1.0


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (
            lambda f: f.get("gone"),
            r"top\.gone: found no such key among none, word, half, expected the key gone",
        ),
        (lambda f: f.get("none"), r"top\.none: found None, expected a value"),
        (lambda f: f.child("word"), r"top\.word: found 'red', expected a dictionary"),
        (lambda f: list(f.children("word")), r"top\.word: found 'red', expected a list of dictionaries"),
        (lambda f: f.text("half"), r"top\.half: found 0\.5, expected text"),
        (lambda f: f.text("word", ("blue",)), r"top\.word: found 'red', expected one of blue"),
        (lambda f: f.flag("half"), r"top\.half: found 0\.5, expected true or false"),
        (lambda f: f.integer("half"), r"top\.half: found 0\.5, expected a whole number in 0\.\."),
        (lambda f: Fields.of("b", "x", {(1, 2): 3}), "b, x: found a dictionary with other keys than text"),
        (lambda f: Fields.of("b", "x", [3]), r"b, x: found list \[3\], expected a dictionary"),
    ],
)
def test_what_is_wrong_is_named(ask, said):
    with pytest.raises(DataError, match=said):
        ask(fields(none=None, word="red", half=0.5))
