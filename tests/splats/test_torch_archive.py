"""Checkpoints without PyTorch: the same values as PyTorch reads, and nothing of a stranger's file runs."""

import os
import pickle
import struct
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
import torch_zip
from damage import check_cuts, check_damage, survives

from simscale_gym.errors import DataError
from simscale_gym.splats.checkpoints.torch_archive import StoredTensor, load_torch_archive


def values(tree):
    """The tree with its tensors read."""
    if isinstance(tree, StoredTensor):
        return tree.read()
    if isinstance(tree, dict):
        return {key: values(value) for key, value in tree.items()}
    return type(tree)(values(value) for value in tree) if isinstance(tree, list | tuple) else tree


def load(path):
    return values(load_torch_archive(path))


TREE = {
    "step": 7,
    "float": np.arange(12, dtype=np.float32).reshape(3, 4),
    "nested": {"long": np.arange(3), "flags": np.array([True, False]), "list": [1.5, "x", None, (True, 2)]},
    "half": np.ones((2, 1), np.float16),
    "empty": np.zeros((0, 15, 3), np.float32),
    "number": np.array(3.0),
}


def assert_same(read, wanted):
    assert read.keys() == wanted.keys()
    for key, value in wanted.items():
        if isinstance(value, dict):
            assert_same(read[key], value)
        elif isinstance(value, np.ndarray):
            np.testing.assert_array_equal(read[key], value)
            assert read[key].dtype == value.dtype and type(read[key]) is np.ndarray
        else:
            assert read[key] == value


def test_values_come_through(tmp_path):
    torch_zip.checkpoint(tmp_path / "a.pt", TREE)
    assert_same(load(tmp_path / "a.pt"), TREE)


def test_pytorch_writes_what_is_read(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    optimizer = {"state": {0: {"step": torch.tensor(1.0), "exp_avg": base}}, "param_groups": [{"lr": 0.1}]}
    tree = {
        "view": base[1:3, ::2].T,
        "parameter": torch.nn.Parameter(base),
        "splats": torch.nn.ParameterDict({"means": torch.nn.Parameter(base[:2])}).state_dict(),
        "module": module.state_dict(),
        "optimizer": optimizer,
        "bfloat": base.to(torch.bfloat16),
        "all": [
            base.to(kind) for kind in (torch.float64, torch.float16, torch.int64, torch.uint8, torch.bool)
        ],
        "empty": base[:0],
        "scalar": torch.tensor(2.5),
        "size": base.shape,
        "device": torch.device("cpu"),
        "dtype": torch.float32,
        "numpy": np.arange(5.0),
        "numpy scalar": np.float64(2.0),
        "plain": [1, 2.0, "text", None, True, (1, 2), OrderedDict(a=1)],
    }
    torch.save(tree, tmp_path / "a.pt")
    read = load(tmp_path / "a.pt")
    np.testing.assert_array_equal(read["view"], base[1:3, ::2].T.numpy())
    np.testing.assert_array_equal(read["parameter"], base.numpy())
    np.testing.assert_array_equal(read["splats"]["means"], base[:2].numpy())
    for key, value in module.state_dict().items():
        np.testing.assert_array_equal(read["module"][key], value.numpy())
    np.testing.assert_array_equal(read["optimizer"]["state"][0]["exp_avg"], base.numpy())
    assert read["optimizer"]["param_groups"][0]["lr"] == 0.1
    np.testing.assert_array_equal(read["bfloat"], base.to(torch.bfloat16).float().numpy())
    for made, wanted in zip(read["all"], tree["all"], strict=True):
        np.testing.assert_array_equal(made, wanted.numpy())
        assert made.dtype == wanted.numpy().dtype
    assert read["empty"].shape == (0, 6) and read["scalar"] == 2.5
    assert (read["size"], read["device"], read["dtype"]) == ((4, 6), "cpu", "float32")
    np.testing.assert_array_equal(read["numpy"], tree["numpy"])
    assert read["numpy scalar"] == 2.0 and read["plain"] == tree["plain"]


def test_shared_storages_are_read_as_views(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    base = torch.arange(10.0)
    torch.save([base[:4], base[6:]], tmp_path / "a.pt")
    tail = load(tmp_path / "a.pt")[1]
    np.testing.assert_array_equal(tail, [6, 7, 8, 9])


def test_files_from_before_pytorch_1_6_are_named(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    torch.save({"a": torch.ones(2)}, tmp_path / "a.pt", _use_new_zipfile_serialization=False)
    with pytest.raises(DataError, match=r"before PyTorch 1\.6.*write it again with torch\.save"):
        load_torch_archive(tmp_path / "a.pt")


def mark(path):
    """What a hostile file would run."""
    return torch_zip.Call("os", "system", f"touch {path}")


@pytest.mark.parametrize(
    "wrap",
    [
        lambda call: call,
        lambda call: {"splats": {"means": call}},
        lambda call: torch_zip.Call("collections", "OrderedDict", [["a", call]]),
        lambda call: torch_zip.Call("torch._utils", "_rebuild_parameter", call, True, None),
        lambda call: torch_zip.Call("torch._utils", "_rebuild_tensor_v2", call, 0, (1,), (1,), False, None),
    ],
)
def test_no_code_runs(tmp_path, wrap):
    torch_zip.checkpoint(tmp_path / "a.pt", wrap(mark(tmp_path / "ran")))
    with pytest.raises(
        DataError, match=r"data\.pkl: found a pickle that names os\.system.*Nothing of it was run"
    ):
        load_torch_archive(tmp_path / "a.pt")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("builtins", "eval"),
        ("builtins", "getattr"),
        ("torch", "load"),
        ("torch.serialization", "load"),
        ("torch.hub", "load"),
        ("torch._utils", "_rebuild_wrapper_subclass"),
        ("torch._tensor", "_rebuild_from_type_v2"),
        ("torch.nn.modules.linear", "Linear"),
        ("runpy", "run_path"),
        ("numpy", "load"),
        ("simscale_gym.splats.checkpoints.torch_archive", "load_torch_archive"),
    ],
)
def test_other_names_are_refused(tmp_path, module, name):
    torch_zip.checkpoint(tmp_path / "a.pt", {"a": torch_zip.Call(module, name, "x")})
    with pytest.raises(DataError, match=rf"names {module}\.{name}"):
        load_torch_archive(tmp_path / "a.pt")


def test_a_pickle_inside_a_storage_stays_bytes(tmp_path):
    class Bomb:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'ran'}",)

    inner = np.frombuffer(pickle.dumps(Bomb()), np.uint8)
    torch_zip.checkpoint(tmp_path / "a.pt", {"a": inner})
    np.testing.assert_array_equal(load(tmp_path / "a.pt")["a"], inner)
    assert not (tmp_path / "ran").exists()


ONES = np.ones(6, np.float32)


@pytest.mark.parametrize(
    ("lie", "message"),
    [
        (torch_zip.tensor(ONES, (10**6, 10**6), (0, 0)), "each number once"),
        (torch_zip.tensor(ONES, (10**9,), (1,)), "inside its storage"),
        (torch_zip.tensor(ONES, (2, 3), (3, 2)), "inside its storage"),
        (torch_zip.tensor(ONES, (3,), (1,), start=4), "inside its storage"),
        (torch_zip.tensor(ONES, (0, 2**40, 2**40), (0, 0, 0)), "inside its storage"),
        (torch_zip.tensor(ONES, (-1,), (1,)), "a stored tensor"),
        (torch_zip.tensor(ONES, (2,), (-1,), start=3), "a stored tensor"),
        (torch_zip.tensor(ONES, (2,), (1, 1)), "no whole pickle"),
        (torch_zip.tensor(ONES, count=10**12), "4000000000000 bytes"),
        (torch_zip.tensor(ONES, count=5), "20 bytes"),
    ],
)
def test_claims_are_held_against_the_storage(tmp_path, lie, message):
    torch_zip.checkpoint(tmp_path / "a.pt", {"a": lie})
    data = (tmp_path / "a.pt").read_bytes()
    assert survives(load, tmp_path / "a.pt", data, limit=2**22) is None
    with pytest.raises(DataError, match=message):
        load_torch_archive(tmp_path / "a.pt")


def test_compressed_members_are_refused(tmp_path):
    data, storages = torch_zip.pickled(torch_zip.tensor(np.zeros(10**6, np.float32)))
    with zipfile.ZipFile(tmp_path / "a.pt", "w") as archive:
        archive.writestr("a/data.pkl", data)
        archive.writestr("a/data/0", storages[0].tobytes(), zipfile.ZIP_DEFLATED)
    with pytest.raises(DataError, match=r"data/0: found 4000000 bytes, compression 8"):
        load_torch_archive(tmp_path / "a.pt")


def test_numbers_that_changed_since_they_were_written(tmp_path):
    torch_zip.checkpoint(tmp_path / "a.pt", {"a": np.full(8, 7.0)})
    data = (tmp_path / "a.pt").read_bytes()
    (tmp_path / "a.pt").write_bytes(data.replace(np.float64(7).tobytes(), np.float64(8).tobytes(), 1))
    tree = load_torch_archive(tmp_path / "a.pt")
    with pytest.raises(DataError, match=r"data/0: found .* other ones than were written"):
        values(tree)


@pytest.mark.parametrize("member", ["archive/data.pkl", "archive/byteorder", "archive/data/0"])
@pytest.mark.parametrize("claim", [2**30, 2**32 - 2])
def test_a_directory_that_claims_more_than_the_file(tmp_path, member, claim):
    torch_zip.checkpoint(tmp_path / "a.pt", {"a": torch_zip.tensor(ONES, count=claim // 4)})
    data = bytearray((tmp_path / "a.pt").read_bytes())
    at = data.index(b"PK\x01\x02")
    while not data[at + 46 :].startswith(member.encode()):
        at = data.index(b"PK\x01\x02", at + 4)
    data[at + 20 : at + 28] = struct.pack("<II", claim, claim)  # sizes, stored and whole
    assert survives(load, tmp_path / "a.pt", bytes(data), limit=2**22) is None
    with pytest.raises(DataError, match=rf"{claim} bytes|in a file of"):
        load_torch_archive(tmp_path / "a.pt")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a/data.pkl", b"\x80\x02N", "no whole pickle"),
        ("a/other.pkl", b"\x80\x02N.", "0 members data.pkl"),
        ("a/byteorder", b"big", "byteorder: found b'big'|0 members"),
    ],
)
def test_other_archives(tmp_path, name, content, message):
    with zipfile.ZipFile(tmp_path / "a.pt", "w") as archive:
        archive.writestr(name, content)
    with pytest.raises(DataError, match=message):
        load_torch_archive(tmp_path / "a.pt")


def test_cut_and_damage(tmp_path):
    torch_zip.checkpoint(tmp_path / "a.pt", TREE)
    whole = (tmp_path / "a.pt").read_bytes()
    check_cuts(load, tmp_path / "b.pt", whole, step=7)
    check_damage(load, tmp_path / "b.pt", whole)


@pytest.mark.parametrize("part", [torch_zip.with_other_pickle, torch_zip.with_other_numbers])
def test_damage_of_one_part(tmp_path, part):
    reader, whole = part(load, TREE)
    check_damage(reader, tmp_path / "b.pt", whole)


def test_one_tensor_in_very_many_places_is_refused(tmp_path):
    big = torch_zip.tensor(np.zeros(200_000, np.float32))
    torch_zip.checkpoint(tmp_path / "a.pt", {"a": big, "b": [big, big]})
    assert load(tmp_path / "a.pt")["a"].shape == (200_000,)
    entry = {"a": big, "b": big}
    torch_zip.checkpoint(tmp_path / "b.pt", {str(k): {"c": entry} for k in range(20)})
    with pytest.raises(DataError, match=r"data\.pkl: found tensors of 32000000 bytes in a file of"):
        load(tmp_path / "b.pt")
