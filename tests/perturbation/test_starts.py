"""Numbered starts: the same searched for, remembered in memory and remembered on disk."""

from dataclasses import dataclass, replace

import pytest

from simscale_gym.agents import IDMTraffic, LogReplay, MixedConfig, MixedTraffic, NavsimTraffic
from simscale_gym.perturbation import Bounds, PerturbConfig, numbered_start, starts
from simscale_gym.scene.derived import NAME, shelf_of, shelve
from simscale_gym.sim import state_hash

FRAMES = range(15, 60)
NUMBERS = (0, 5, 63)
CONFIG = PerturbConfig(attempts=4)


@pytest.fixture
def scene(town_scene):
    """The scene as another process opens it."""
    for path in ledgers(town_scene):
        path.unlink()
    return reopened(town_scene)


def reopened(scene):
    other = replace(scene)
    shelve(other, shelf_of(scene))
    assert not other.__dict__.get(NAME)
    return other


def ledgers(scene):
    return sorted(shelf_of(scene).folder.glob("starts-*"))


def told(scene, vocabulary, number, traffic=None, config=CONFIG, frames=FRAMES):
    """All that a start is, with every state as its hash."""
    found = numbered_start(scene, number, frames, vocabulary, traffic or IDMTraffic(), config)
    hashes = tuple(state_hash(state) for state in found.states)
    plan = None if found.plan is None else found.plan.tobytes()
    return found.frame, found.row, hashes, plan, found.attempts, found.rejections


@pytest.fixture
def no_search(monkeypatch):
    """``no_search()``: from now on nothing may be searched for."""

    def forbid():
        def refuse(*_):
            raise AssertionError("searched for again")

        monkeypatch.setattr(starts, "sample_perturbation", refuse)

    return forbid


@pytest.mark.parametrize(
    "traffic",
    [IDMTraffic(), MixedTraffic(MixedConfig(seed=3)), NavsimTraffic(), LogReplay()],
    ids=lambda traffic: type(traffic).__name__,
)
def test_starts_are_the_same_found_and_remembered(scene, vocabulary, traffic, no_search):
    found = [told(scene, vocabulary, number, traffic) for number in NUMBERS]
    assert len({start[2] for start in found}) == len(NUMBERS)
    assert all(len(start[2]) == 41 for start in found)
    no_search()
    assert [told(scene, vocabulary, number, traffic) for number in NUMBERS] == found  # from memory
    other = reopened(scene)
    assert [told(other, vocabulary, number, traffic) for number in NUMBERS[::-1]] == found[::-1]  # from disk


def test_starts_do_not_depend_on_what_was_drawn_before(scene, vocabulary):
    found = [told(scene, vocabulary, number) for number in NUMBERS]
    for path in ledgers(scene):
        path.unlink()
    other = reopened(scene)
    assert [told(other, vocabulary, number) for number in NUMBERS[::-1]] == found[::-1]


def test_a_search_that_failed_is_remembered(scene, vocabulary, no_search):
    impossible = replace(CONFIG, bounds=Bounds(longitudinal=0.001, lateral=0.001, minimum=100.0))
    found = told(scene, vocabulary, 0, config=impossible)
    assert found[1:4] == (-1, (), None)
    assert found[0] in FRAMES and found[5]["out_of_bounds"] == CONFIG.starts * len(vocabulary)
    no_search()
    assert told(reopened(scene), vocabulary, 0, config=impossible) == found


def test_a_damaged_memory_is_no_memory(scene, vocabulary):
    found = told(scene, vocabulary, 0)
    (path,) = ledgers(scene)
    path.write_bytes(path.read_bytes().replace(b"[0,", b"[0, 1"))
    assert told(reopened(scene), vocabulary, 0) == found


@pytest.mark.parametrize(
    "change",
    [
        {"config": replace(CONFIG, bounds=Bounds(lateral=0.3))},
        {"traffic": MixedTraffic()},
        {"frames": range(70, 80)},
    ],
    ids=["bounds", "traffic", "frames"],
)
def test_other_questions_have_other_answers(scene, vocabulary, change, no_search):
    told(scene, vocabulary, 0)
    no_search()
    with pytest.raises(AssertionError, match="searched for again"):
        told(scene, vocabulary, 0, **change)


def test_another_vocabulary_has_other_starts(scene, vocabulary, no_search):
    told(scene, vocabulary, 0)
    no_search()
    with pytest.raises(AssertionError, match="searched for again"):
        told(scene, vocabulary.take(range(200)), 0)


def test_a_scene_in_memory_remembers_by_itself(scene, vocabulary, no_search):
    found = told(scene, vocabulary, 0)
    before = [path.read_bytes() for path in ledgers(scene)]
    alone = replace(scene)
    assert shelf_of(alone) is None
    assert told(alone, vocabulary, 0) == found and told(alone, vocabulary, 5) != found
    assert [path.read_bytes() for path in ledgers(scene)] == before
    no_search()
    assert told(alone, vocabulary, 0) == found


@dataclass(frozen=True)
class OwnTraffic(IDMTraffic):
    """A user's, of whose code nothing is known."""


def test_own_traffic_is_never_remembered(scene, vocabulary, no_search):
    found = told(scene, vocabulary, 0, OwnTraffic())
    assert told(scene, vocabulary, 0, OwnTraffic()) == found
    assert ledgers(scene) == []
    no_search()
    with pytest.raises(AssertionError, match="searched for again"):
        told(scene, vocabulary, 0, OwnTraffic())
