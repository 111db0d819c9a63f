"""Plain data of every protocol comes through; whatever else a pickle holds is one clear error."""

import contextlib
import os
import pickle
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simscale_gym.errors import DataError
from simscale_gym.files.pickled import load_pickle, loads_pickle
from simscale_gym.files.restricted_pickle import Record


class Runs:
    def __init__(self, function, *arguments):
        self.reduced = (function, arguments)

    def __reduce__(self):
        return self.reduced


class Translation(list):
    pass


@pytest.mark.parametrize("protocol", range(6))
def test_containers_and_arrays_come_through(protocol):
    value = {
        "matrix": np.arange(6.0).reshape(2, 3).T,
        "scalar": np.float32(3.5),
        "nested": [b"x", (1, "s"), {2}, None, True],
        "text": np.array(["ab", "c"]),
        "objects": np.array([1, "x", [2, np.arange(3)]], dtype=object),
        "empty": np.zeros((0, 3), ">i4"),
    }
    read = loads_pickle(pickle.dumps(value, protocol), "memory")
    np.testing.assert_array_equal(read["matrix"], value["matrix"])
    assert type(read["matrix"]) is np.ndarray and read["matrix"].dtype == float
    assert read["scalar"] == np.float32(3.5) and read["nested"] == value["nested"]
    assert read["text"].tolist() == ["ab", "c"] and read["empty"].shape == (0, 3)
    assert read["objects"][1] == "x" and type(read["objects"]) is np.ndarray
    np.testing.assert_array_equal(read["objects"][2][1], np.arange(3))


def test_list_subclasses_of_the_devkit_become_lists(monkeypatch):
    monkeypatch.setattr(Translation, "__module__", "nuplan.database.common.data_types")
    data = pickle.dumps([1.0, 2.0, 3.0], 2).replace(
        b"]q\x00(", b"cnuplan.database.common.data_types\nTranslation\n)\x81q\x00("
    )
    read = loads_pickle(data, "memory")
    assert read == [1.0, 2.0, 3.0] and type(read) is list


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "bomb",
    [
        Runs(os.system, "exit 1"),
        Runs(eval, "1"),
        Runs(getattr, [], "append"),
        Runs(bytes, 10**15),
        Runs(bytearray, 10**15),
        Runs(np.ndarray, (10**12,)),
        Runs(np.load, "x.npy"),
        Runs(range, 10**12),
        np.array([(1, 2.0)], dtype=[("a", int), ("b", float)]),
    ],
    ids=lambda bomb: (
        getattr(bomb, "reduced", ("structured",))[0].__name__ if hasattr(bomb, "reduced") else "dtype"
    ),
)
def test_anything_that_runs_or_allocates_is_refused(bomb, protocol):
    with pytest.raises(DataError, match=r"table camera\.rotation"):
        loads_pickle(pickle.dumps(bomb, protocol), "log.db", "table camera.rotation")


def test_a_memo_index_beyond_the_stream_is_refused_before_it_allocates():
    with pytest.raises(DataError, match="memo index"):
        loads_pickle(b"\x80\x02]r" + struct.pack("<I", 2**31) + b".", "memory")


def test_an_array_that_claims_more_than_it_brings_is_refused():
    data = pickle.dumps(np.arange(3.0), 2).replace(b"K\x03\x85", b"K\x7f\x85")
    with pytest.raises(DataError, match="no whole pickle"):
        loads_pickle(data, "memory")


def test_what_a_stream_sets_on_a_stand_in_is_gone_with_it():
    poisoned = b"c_codecs\nencode\n(NNtb."  # BUILD with slot state on the stand-in of _codecs.encode
    with pytest.raises(DataError):
        loads_pickle(poisoned, "memory")
    assert loads_pickle(pickle.dumps(b"still", 2), "memory") == b"still"


def test_missing_file_and_nested_beyond_reason(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        load_pickle(tmp_path / "none.pkl")
    with pytest.raises(DataError, match="200 deep"):
        loads_pickle(b"]" * 300 + b"a" * 299 + b".", "memory")


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_truncated_or_altered_streams_raise_only_our_error(data):
    whole = pickle.dumps({"a": np.arange(5.0), "b": [1, ("x", b"y")], "c": np.float64(1)}, 4)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    at, byte = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.integers(0, 255))
    with pytest.raises(DataError):
        loads_pickle(cut, "memory")
    with contextlib.suppress(DataError):
        loads_pickle(whole[:at] + bytes([byte]) + whole[at + 1 :], "memory")


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60))
def test_noise_raises_only_our_error(noise):
    with contextlib.suppress(DataError):
        loads_pickle(b"\x80\x04" + noise + b".", "memory")


def repeated(levels, wide=2, first=b"K\x01"):
    """A tuple of tuples that are one and the same, level upon level."""
    return first + b"".join(b"q%c0(" % k + b"h%c" % k * wide + b"t" for k in range(levels))


@pytest.mark.parametrize("end", [b".", b"K\x01K\x02ds."])
@pytest.mark.parametrize(("levels", "wide"), [(60, 2), (9, 20)])
def test_tuples_that_repeat_one_another_are_refused_in_time(levels, wide, end):
    body = repeated(levels, wide)
    data = b"}" + body + b"K\x02s." if end != b"." else body + end
    with pytest.raises(DataError, match="repeat one another"):
        loads_pickle(data, "memory")


def test_lists_made_into_tuples_are_weighed_too():
    body = b"K\x01"
    for k in range(60):
        body += b"q%c0cbuiltins\ntuple\n(](h%ch%ceetR" % (k, k, k)
    with pytest.raises(DataError):
        loads_pickle(b"}" + body + b"K\x02s.", "memory")


def test_what_stands_in_many_places_is_one():
    shared = [(1.0, 2.0)] * 2
    for _ in range(12):
        shared = [shared, shared]
    made = loads_pickle(pickle.dumps(shared), "memory")
    assert made[0] is made[1] and made[0][0] is made[1][1]
    pair = (1, (2, 3))
    made = loads_pickle(pickle.dumps([pair] * 1000), "memory")
    assert made == [pair] * 1000


class Slotted:
    __slots__ = ("inner", "number")


class Kind:
    def __init__(self, number):
        self.number = number

    def __reduce__(self):
        return type(self), (self.number,)


def test_known_classes_become_records_of_what_they_hold(tmp_path):
    thing, cycle = Slotted(), Slotted()
    thing.inner, thing.number = [Kind(3), cycle], np.arange(2)
    cycle.inner = cycle
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps({"thing": thing, "again": thing}, 4))
    made = []

    def names(module, name):
        assert module == __name__
        made.append(name)
        return type(name, (Record,), {})

    read = load_pickle(path, names=names)
    assert set(made) == {"Slotted", "Kind"}
    assert read["thing"] is read["again"]
    kind, cyclic = read["thing"]["inner"]
    assert kind == {"args": (3,)}
    assert cyclic["inner"] is cyclic
    assert read["thing"]["number"].tolist() == [0, 1]
    with pytest.raises(DataError, match="Slotted"):
        load_pickle(path)


@pytest.mark.parametrize("kind", [list, dict])
def test_containers_that_hold_one_another_are_refused_in_time(kind):
    """A few kilobytes whose text would be longer than any memory."""
    value = "x"
    for _ in range(30):
        value = [value] * 10 if kind is list else dict.fromkeys(map(str, range(10)), value)
    with pytest.raises(DataError, match="again and again"):
        loads_pickle(pickle.dumps({"id": value}), "bomb.pkl")


def test_sharing_within_reason_comes_through():
    shared = {"calibration": list(range(50))}
    frames = [{"camera": shared, "frame": k} for k in range(500)]
    assert loads_pickle(pickle.dumps(frames), "log.pkl") == frames


def memoized(*values):
    """A list of what a stream makes of values that it has remembered under 0, 1, ..."""
    return b"\x80\x02" + b"".join(value + b"q%c0" % k for k, value in enumerate(values))


TEXT = b"X" + struct.pack("<I", 2**18) + b"y" * 2**18


@pytest.mark.parametrize(
    "call", [b"h\x00h\x01h\x02\x86R", b"h\x03h\x01\x85R"], ids=["bytes of a text", "a tuple of a list"]
)
def test_what_is_copied_again_and_again_is_refused(call):
    """A quarter of a megabyte, ten thousand times over."""
    word = b"X\x06\x00\x00\x00latin1"
    stream = memoized(b"c_codecs\nencode\n", TEXT, word, b"cbuiltins\ntuple\n")
    if b"h\x03" in call:
        stream = stream.replace(TEXT, b"](" + b"K\x01" * 2**17 + b"e")
    with pytest.raises(DataError, match="copied again and again"):
        loads_pickle(stream + b"](" + call * 10_000 + b"e.", "memory")


def test_arrays_of_the_same_bytes_are_refused():
    array = pickle.dumps(np.zeros(2**18, np.uint8), 2)
    raw = array[array.index(b"X\x00\x00\x04\x00") :][: 5 + 2**18]
    parts = (b"cnumpy.core.multiarray\n_reconstruct\n", b"cnumpy\nndarray\n", raw,
             b"cnumpy\ndtype\nX\x02\x00\x00\x00u1K\x00K\x01\x87R")  # fmt: skip
    one = b"h\x00h\x01K\x00\x85C\x01b\x87R(K\x01J\x00\x00\x04\x00\x85h\x03\x89h\x02tb"
    assert loads_pickle(memoized(*parts) + b"](" + one + b"e.", "memory")[0].shape == (2**18,)
    with pytest.raises(DataError, match="copied again and again"):
        loads_pickle(memoized(*parts) + b"](" + one * 10_000 + b"e.", "memory")


def test_a_dictionary_that_is_written_out_is_weighed():
    body = b"\x80\x02K\x07"
    for k in range(60):
        body += b"q%c0}(K\x01h%cK\x02h%cu" % (k, k, k)
    with pytest.raises(DataError, match="repeat one another"):
        loads_pickle(body + b"q\x700cbuiltins\nstr\nh\x70\x85R.", "memory")


@pytest.mark.parametrize("item", ["y" * 2**18, b"y" * 2**18, np.zeros(2**15)], ids=["text", "bytes", "array"])
def test_long_items_in_many_places_are_refused(item):
    """Whoever wrote the list out would write a gigabyte."""
    with pytest.raises(DataError, match="again and again"):
        loads_pickle(pickle.dumps([item] * 5000), "memory")
    assert len(loads_pickle(pickle.dumps([item] * 5), "memory")) == 5


def test_doublings_to_any_depth_take_no_memory():
    """Weights of lists that hold one another to any depth would be numbers of ten thousand digits."""
    count = 15_000
    numbers = [struct.pack("<I", k) for k in range(count)]
    body = b"".join(b"r" + number + b"0](j" + number + b"j" + number + b"e" for number in numbers)
    tracemalloc.start()
    with pytest.raises(DataError):
        loads_pickle(b"\x80\x02K\x01" + body + b".", "memory")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**23
