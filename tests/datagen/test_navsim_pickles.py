"""Pickles name what is not here, and every version of numpy opens them."""

import pickle
import pickletools
import sys
import types
from enum import Enum

import numpy as np

from simscale_gym.datagen.navsim.pickles import Name, pickled, write_dictionary

VALUE = {
    "array": np.arange(6.0).reshape(2, 3), "text": ["a", "b"], "pair": (1, True), "none": None,
    "names": np.array(["vehicle", "pedestrian"]), "half": np.ones(2, np.float16), "empty": np.zeros((0, 7)),
}  # fmt: skip


def test_plain_values_and_arrays_come_back():
    back = pickle.loads(pickled(VALUE))
    assert back.keys() == VALUE.keys() and back["pair"] == (1, True) and back["text"] == ["a", "b"]
    for name in ("array", "names", "half", "empty"):
        np.testing.assert_array_equal(back[name], VALUE[name])
        assert back[name].dtype == VALUE[name].dtype and back[name].flags.writeable


def test_arrays_are_built_by_names_that_numpy_1_and_2_know():
    named = {arg for op, arg, _ in pickletools.genops(pickled(VALUE)) if op.name == "GLOBAL"}
    assert named == {"numpy.core.multiarray _reconstruct"} and b"numpy._core" not in pickled(VALUE)


def test_objects_of_others_are_made_when_a_file_is_read(monkeypatch):
    box, slim, kind = (Name("a_peer.shapes", name) for name in ("Box", "Slim", "Kind"))
    shared = box(x=1.0, parts=[slim.slotted(y=2.0)])
    content = pickled([shared, kind.member(1), {"again": shared}])
    assert "a_peer.shapes" not in sys.modules

    class Box:
        def __init__(self):
            raise AssertionError("is not called")

    class Slim:
        __slots__ = ("y",)

    class Kind(Enum):
        A, B = 0, 1

    module = types.ModuleType("a_peer.shapes")
    module.Box, module.Slim, module.Kind = Box, Slim, Kind
    monkeypatch.setitem(sys.modules, "a_peer", types.ModuleType("a_peer"))
    monkeypatch.setitem(sys.modules, "a_peer.shapes", module)
    first, member, again = pickle.loads(content)
    assert (first.x, first.parts[0].y, member) == (1.0, 2.0, Kind.B)
    assert type(first) is Box and first is again["again"]


def test_a_dictionary_is_written_item_by_item(tmp_path):
    path, held = tmp_path / "d.pkl", []

    def items():
        for k in range(300):
            held.append(k)
            yield f"token{k}", {"a": np.full(50, k, np.float16), "b": np.zeros(2)}

    write_dictionary(path, items())
    back = pickle.loads(path.read_bytes())
    assert list(back) == [f"token{k}" for k in held] and len(back) == 300
    np.testing.assert_array_equal(back["token299"]["a"], np.full(50, 299, np.float16))
    write_dictionary(path, iter(()))
    assert pickle.loads(path.read_bytes()) == {}
