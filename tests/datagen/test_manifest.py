"""Every byte is accounted for; what is lost comes back bit for bit."""

import json
import shutil

import numpy as np
import pytest

from simscale_gym.datagen import DataSet, regenerate, regeneration, repair, spec_of, verify
from simscale_gym.datagen.layout import MANIFEST, RECIPE
from simscale_gym.errors import DataError


@pytest.fixture
def copy(log_written, tmp_path):
    return shutil.copytree(log_written, tmp_path / "copy")


def content(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def first(folder, place):
    return sorted((folder / place).glob("*"))[0]


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def mended(folder):
    list(repair(folder, list(verify(folder)), workers=1))
    assert list(verify(folder)) == []


def test_what_was_just_written_is_whole(written, log_written):
    assert list(verify(written)) == list(verify(log_written)) == []


def test_the_manifest_names_every_file(written):
    listed = json.loads((written / MANIFEST).read_text())
    assert set(listed["files"]) | {MANIFEST} == set(content(written))
    assert listed["samples"] == len(DataSet(written))


@pytest.mark.parametrize("place", ["shards", "rows", "card"])
def test_a_file_that_is_gone_is_named_and_comes_back(copy, log_written, place):
    path = first(copy, place)
    path.unlink()
    assert [str(damage) for damage in verify(copy)] == [f"{place}/{path.name}: missing"]
    mended(copy)
    assert content(copy) == content(log_written)


def test_a_flipped_bit_names_its_sample(copy, log_written):
    row = DataSet(copy).row(1)
    flip(copy / row["shard"], row["start_byte"] + 700)
    damages = list(verify(copy))
    assert [damage.key for damage in damages] == ["", row["key"]]
    assert damages[0].file == row["shard"] and "not as it was written" in damages[0].found
    mended(copy)
    assert content(copy) == content(log_written)


def test_only_what_is_broken_is_made_again(copy):
    broken, whole = sorted((copy / "shards").glob("*"))
    untouched = whole.stat().st_ino
    flip(broken, 600)
    assert len(list(repair(copy, list(verify(copy)), workers=1))) == 1
    assert whole.stat().st_ino == untouched


@pytest.mark.parametrize("cut", [0, 100])
def test_rows_that_are_cut_are_named_and_come_back(copy, log_written, cut):
    path = first(copy, "rows")
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DataError, match=r"rows/.*verify DIR --repair"):
        DataSet(copy).rows  # noqa: B018
    assert [damage.file for damage in verify(copy)] == [f"rows/{path.name}"]
    mended(copy)
    assert content(copy) == content(log_written)


def test_files_that_nobody_listed_are_named(copy):
    shutil.copy(first(copy, "shards"), copy / "shards" / "000099.tar")
    assert [str(damage) for damage in verify(copy)] == ["shards/000099.tar: not in the manifest"]
    mended(copy)


def test_a_data_set_that_was_not_finished_is_said_and_finished(copy, log_written):
    (copy / MANIFEST).unlink()
    (damage,) = verify(copy)
    assert damage.file == MANIFEST and "not finished" in damage.found
    mended(copy)
    assert content(copy) == content(log_written)


def test_a_sample_comes_back_from_its_row(written):
    """All its bytes, or their SHA-256 would differ."""
    data_set = DataSet(written)
    for index in (0, len(data_set) - 1):
        kept, made = data_set[index], regenerate(data_set, data_set.row(index))
        for name, array in kept.arrays.named().items():
            np.testing.assert_array_equal(getattr(made.arrays, name), array, err_msg=name)
        assert kept.pictures.keys() == made.pictures.keys()
        assert all((made.pictures[name] == picture).all() for name, picture in kept.pictures.items())


def test_a_sample_that_is_not_what_it_was_is_named(written):
    data_set = DataSet(written)
    row = {**data_set.row(0), "sha256": "0" * 64}
    with pytest.raises(DataError, match="other bytes than were written at first"):
        regenerate(data_set, row)


def test_pictures_that_are_gone_are_named(copy):
    data_set = DataSet(copy)
    row = data_set.row(0)
    (copy / row["shard"]).unlink()
    with pytest.raises(DataError, match=rf"{row['shard']}, {row['key']}: .*verify DIR --repair"):
        data_set[0]


@pytest.mark.parametrize("at", [0, 300, 512, 700, 2000])
def test_damaged_samples_raise_nothing_else(copy, at):
    """A flipped bit in a header, a picture or an array."""
    data_set = DataSet(copy)
    row = data_set.row(0)
    flip(copy / row["shard"], row["start_byte"] + at)
    with pytest.raises(DataError, match=row["key"]):
        data_set[0]


def test_other_versions_repair_nothing(copy, monkeypatch):
    monkeypatch.setattr(regeneration, "__version__", "99.0")
    with pytest.raises(DataError, match=r"version: found .*expected 99\.0"):
        spec_of(copy)


def test_a_manifest_or_recipe_that_is_broken_is_named(copy):
    (copy / MANIFEST).write_text("{")
    with pytest.raises(DataError, match=r"manifest\.json: found no JSON"):
        list(verify(copy))
    (copy / RECIPE).write_text("[]")
    with pytest.raises(DataError, match=r"recipe\.json, format"):
        list(verify(copy))
