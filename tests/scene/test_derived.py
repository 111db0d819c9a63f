"""What is kept with the object that it was worked out from."""

import gc
import pickle
import weakref
from dataclasses import dataclass, replace

import pytest

from simscale_gym.scene import derived


@dataclass(frozen=True, eq=False)
class Thing:
    number: int


CALLS = []


@derived
def scaled(thing: Thing, factor: int) -> list[int]:
    CALLS.append((thing.number, factor))
    return [thing.number * factor]


@derived
def itself(thing: Thing) -> tuple[Thing]:
    return (thing,)


@pytest.fixture(autouse=True)
def no_calls():
    CALLS.clear()


def test_a_result_is_worked_out_once_per_object_and_arguments():
    one, other = Thing(1), Thing(1)
    assert scaled(one, 2) is scaled(one, 2)
    assert scaled(one, 3) == [3]
    assert scaled(other, 2) is not scaled(one, 2)
    assert CALLS == [(1, 2), (1, 3), (1, 2)]


def test_functions_do_not_mix():
    thing = Thing(1)
    scaled(thing, 2)
    assert itself(thing) == (thing,)


def test_it_goes_with_its_object_even_where_it_refers_to_it():
    thing = Thing(1)
    itself(thing)
    scaled(thing, 2)
    gone = weakref.ref(thing)
    del thing
    gc.collect()
    assert gone() is None


def test_copies_begin_anew():
    thing = Thing(4)
    scaled(thing, 2)
    for copy in (pickle.loads(pickle.dumps(thing)), replace(thing)):
        CALLS.clear()
        assert scaled(copy, 2) == [8]
        assert CALLS == [(4, 2)]
