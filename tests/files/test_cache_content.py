"""What the cache holds, by kind, and clearing it."""

import pytest

from simscale_gym.errors import StorageError
from simscale_gym.files import cache_content as content
from simscale_gym.files.cache import CACHE_VARIABLE
from simscale_gym.files.cache_content import KINDS, cache_content, clear


@pytest.fixture
def kernels(tmp_path, monkeypatch):
    """One compiled kernel beside the sources, no other."""
    file = tmp_path / "package" / "__pycache__" / "contacts.touches.nbi"
    file.parent.mkdir(parents=True)
    file.write_bytes(bytes(7))
    monkeypatch.setattr(content, "kernel_files", lambda: [file] if file.exists() else [])
    return file


@pytest.fixture
def root(tmp_path, monkeypatch, kernels):
    """A cache with two towns' files and a look."""
    root = tmp_path / "cache"
    for name, size in (("town-6-2/000000-00/a.db", 100), ("town-5-2/000001-00/b.db", 50), ("looks/c.npz", 9)):
        (root / name).parent.mkdir(parents=True)
        (root / name).write_bytes(bytes(size))
    monkeypatch.setenv(CACHE_VARIABLE, str(root))
    return root


def sizes():
    return {kept.kind: (kept.files, kept.size) for kept in cache_content()}


def test_files_are_counted_by_kind(root):
    assert sizes() == dict.fromkeys(KINDS, (0, 0)) | {"towns": (2, 150), "looks": (1, 9), "kernels": (1, 7)}


def test_a_kind_is_cleared_and_no_other(root, kernels):
    was = clear("towns")
    assert (was.files, was.size) == (2, 150)
    assert sizes() == dict.fromkeys(KINDS, (0, 0)) | {"looks": (1, 9), "kernels": (1, 7)}
    clear("kernels")
    assert not kernels.exists() and (root / "looks" / "c.npz").exists()


def test_an_empty_cache_is_cleared(tmp_path, monkeypatch, kernels):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "none"))
    assert clear("scenes").files == 0


def test_what_cannot_be_deleted_is_named(root, monkeypatch):
    def refuse(path, *_, **__):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(content.shutil, "rmtree", refuse)
    with pytest.raises(StorageError, match=r"looks.*cannot be written"):
        clear("looks")
