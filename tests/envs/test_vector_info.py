"""Entries that are worked out when they are read."""

import pickle

import numpy as np
import pytest

from simscale_gym.envs.vector_info import VectorInfo
from simscale_gym.errors import ArgumentError

EVERYBODY = np.ones(2, bool)


@pytest.fixture
def made():
    return []


@pytest.fixture
def info(made):
    out = VectorInfo(2)
    out.put("near", np.zeros(2), EVERYBODY)
    out.put_later("dear", lambda: made.append(1) or np.arange(2), EVERYBODY)
    return out


def test_a_dear_entry_is_worked_out_once(info, made):
    assert set(info) == {"near", "_near", "dear", "_dear"} and "dear" in info and len(info) == 4
    assert isinstance(info, dict) and not made
    assert info["dear"].tolist() == info.get("dear").tolist() == [0, 1]
    assert made == [1] and info["_dear"].all() and info.get("else", 3) == 3


@pytest.mark.parametrize(
    "copied", [dict, VectorInfo.copy, lambda info: {**info}, lambda info: pickle.loads(pickle.dumps(info))]
)
def test_a_copy_has_all(info, copied):
    other = copied(info)
    info.expire()
    assert type(other) is dict and other["dear"].tolist() == [0, 1]


def test_what_was_not_read_in_time_is_lost_and_says_so(info, made):
    info.expire()
    with pytest.raises(ArgumentError, match="'dear' was not read before the environment went on"):
        info["dear"]
    assert not made and info["near"].tolist() == [0.0, 0.0]


def test_what_was_read_in_time_stays(info):
    info["dear"]
    info.expire()
    assert info["dear"].tolist() == [0, 1] and info.pop("dear").tolist() == [0, 1] and "dear" not in info


def test_entries_can_be_put_and_taken(info, made):
    info["dear"] = 5
    assert info["dear"] == 5 and not made
    del info["dear"]
    assert info.pop("dear", 7) == 7
    assert dict(info.items()).keys() == {"near", "_near", "_dear"}
