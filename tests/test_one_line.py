"""Whatever users can get hold of prints on one line."""

import importlib
import pkgutil
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import simscale_gym
from simscale_gym.one_line import MOST, one_line

_LARGE = re.compile(r"Array|ndarray|Tensor|\bScene\b|RoadMap|SimState|Tracks\b|Gaussians")
_PACKAGES = [module.name for module in pkgutil.iter_modules(simscale_gym.__path__) if module.ispkg]


class Color(Enum):
    RED = 1


@dataclass
class Inner:
    text: str = "in"


@dataclass
class Record:
    name: str
    array: np.ndarray
    inner: Inner
    by_name: Mapping
    few: tuple
    many: tuple
    color: Color
    half: float
    place: Path
    nothing: None = None

    __repr__ = one_line


class Pair(NamedTuple):
    first: np.ndarray
    second: int

    __repr__ = one_line


def test_arrays_show_their_shape_and_all_else_its_kind():
    record = Record(
        "a",
        np.zeros((3, 2), np.float32),
        Inner(),
        {"x": 1},
        (1, "b"),
        (1,) * 9,
        Color.RED,
        1 / 3,
        Path("c/d"),
    )
    assert repr(record) == (
        "Record(name='a', array=float32[3, 2], inner=Inner(..), by_name={1 by name}, few=(1, 'b'), "
        "many=(9 items), color=<Color.RED: 1>, half=0.333333, place=c/d, nothing=None)"
    )
    assert repr(Pair(np.zeros(4), 2)) == "Pair(first=float64[4], second=2)"


def test_a_line_is_never_long():
    record = Record("a" * 10**6, np.zeros(2), Inner(), {}, ("b" * 900,), (), Color.RED, 0.0, Path("x" * 900))
    assert len(repr(record)) <= MOST and "\n" not in repr(record)


def public_records():
    """Dataclasses of arrays that a package names, except of those that need PyTorch to load."""
    for package in set(_PACKAGES) - {"planners"}:
        module = importlib.import_module(f"simscale_gym.{package}")
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            if isinstance(value, type) and is_dataclass(value):
                types = [str(field.type) for field in fields(value) if field.repr]
                if any(map(_LARGE.search, types)):
                    yield value


def test_public_records_of_arrays_print_on_one_line():
    found = sorted(set(public_records()), key=lambda record: record.__qualname__)
    long = [record.__qualname__ for record in found if record.__repr__ is not one_line]
    assert len(found) > 40 and long == ["Scene"]  # which has a line of its own


def test_a_scene_of_the_town_prints_on_one_line(town_scene):
    text = repr(town_scene)
    assert text.startswith(f"Scene('{town_scene.id}', town: 20.0 s, ") and "road users" in text
    assert len(text) < MOST
    for part in (town_scene.map, town_scene.tracks, town_scene.ego, town_scene.lights, town_scene.rig):
        assert len(repr(part)) <= MOST


@pytest.mark.parametrize("name", ["scene", "start", "history", "sim_state", "plans"])
def test_what_an_environment_holds_prints_on_one_line(make_env, name):
    env = make_env()
    env.reset(seed=0)
    assert len(repr(getattr(env.unwrapped, name))) <= 2 * MOST
    assert len(repr(env.unwrapped.get_state())) <= MOST
