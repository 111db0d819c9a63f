"""What is kept on a shelf, and what becomes of damage."""

import logging
import os
import stat

import numpy as np
import pytest

from simscale_gym.files import shelf as shelves
from simscale_gym.files.shelf import Shelf, content_key


@pytest.fixture
def made():
    return []


@pytest.fixture
def numbers(tmp_path, made):
    def numbers():
        def make():
            made.append(1)
            return {"numbers": np.arange(1000)}

        return Shelf(tmp_path / "shelf").kept("numbers", (), make)["numbers"]

    return numbers


def damage(tmp_path, change):
    path = tmp_path / "shelf" / "numbers.arrays"
    path.write_bytes(change(path.read_bytes()))


def test_a_value_is_made_once(numbers, made):
    np.testing.assert_array_equal(numbers(), np.arange(1000))
    np.testing.assert_array_equal(numbers(), np.arange(1000))
    assert len(made) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:5000],
        lambda data: b"",
        lambda data: data[:40] + bytes([data[40] ^ 4]) + data[41:],
        lambda data: data[:-99] + bytes([data[-99] ^ 1]) + data[-98:],
        lambda data: b"something else entirely",
    ],
    ids=["torn", "empty", "a bit of the head", "a bit of the data", "something else"],
)
def test_a_damaged_file_is_made_again_and_said_in_one_line(numbers, made, tmp_path, caplog, change):
    numbers()
    damage(tmp_path, change)
    with caplog.at_level(logging.WARNING, "simscale_gym"):
        np.testing.assert_array_equal(numbers(), np.arange(1000))
    assert len(made) == 2 and len(caplog.records) == 1
    assert "numbers.arrays" in caplog.text and "made again" in caplog.text
    numbers()
    assert len(made) == 2


def test_another_version_is_made_again_and_said_once(numbers, made, monkeypatch, caplog):
    numbers()
    shelves._say_version.cache_clear()
    monkeypatch.setattr(shelves, "code_digest", lambda: "another")
    with caplog.at_level(logging.WARNING, "simscale_gym"):
        numbers()
        monkeypatch.setattr(shelves, "code_digest", lambda: "a third")
        numbers()
    assert len(made) == 3 and len(caplog.records) == 1 and "another version" in caplog.text


def test_records_of_another_shape_are_made_again(tmp_path, caplog):
    shelf = Shelf(tmp_path)
    shelf.kept("value", (), lambda: {"a": 1})
    shelves._write(tmp_path / "value.arrays", {"a": Shelf(tmp_path)})
    with caplog.at_level(logging.WARNING, "simscale_gym"):
        assert shelf.kept("value", (), lambda: {"a": 2}) == {"a": 2}
    assert len(caplog.records) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_keeps_nothing(numbers, made, tmp_path, caplog):
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    shelves._say_unwritable.cache_clear()
    with caplog.at_level(logging.WARNING, "simscale_gym"):
        np.testing.assert_array_equal(numbers(), np.arange(1000))
        numbers()
    tmp_path.chmod(stat.S_IRWXU)
    assert len(made) == 2 and len(caplog.records) == 1


def test_a_place_where_no_folder_can_be_keeps_nothing(made, tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    shelves._say_unwritable.cache_clear()
    with caplog.at_level(logging.WARNING, "simscale_gym"):
        assert Shelf(tmp_path / "file" / "shelf").kept("value", (), lambda: (1, 2)) == (1, 2)
    assert len(caplog.records) == 1


def test_names_follow_contents():
    one = content_key({"a": np.arange(3)})
    assert one == content_key({"a": np.arange(3)}) and len(one) == 24
    assert one != content_key({"a": np.arange(3.0)}) and one != content_key({"b": np.arange(3)})
