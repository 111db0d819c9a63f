"""Which kind of file a file is, and which is written."""

import resource
import shutil

import numpy as np
import pytest
from damage import check_cuts, check_damage
from random_scenes import random_gaussians

from simscale_gym.errors import ArgumentError, DataError, StorageError
from simscale_gym.splats.formats.files import WRITERS
from simscale_gym.splats.gaussians import Gaussians


def some(count=20):
    rng = np.random.default_rng(6)
    return random_gaussians(rng, (-9, -9, -9), (9, 9, 9), (0.01, 2), count=count, terms=4)


@pytest.mark.parametrize("suffix", [".npz", ".ply", ".spz"])
@pytest.mark.parametrize("name", ["a.bin", "a", "a.ply", "a.splat", "a.npz", "a.pt"])
def test_the_content_says_which_kind_it_is(tmp_path, suffix, name):
    some().save(tmp_path / f"written{suffix}")
    shutil.copy(tmp_path / f"written{suffix}", tmp_path / name)
    made = Gaussians.load(tmp_path / name)
    np.testing.assert_allclose(made.means, some().means, atol=1 / 8192 + 1e-6)


@pytest.mark.parametrize("suffix", WRITERS)
def test_suffixes_in_capitals(tmp_path, suffix):
    some().save(tmp_path / f"a{suffix.upper()}")
    assert len(Gaussians.load(tmp_path / f"a{suffix.upper()}")) == 20


def test_unknown_suffixes_and_contents(tmp_path):
    with pytest.raises(ArgumentError, match=r"'\.obj', expected one of \.npz, \.ply, \.splat, \.spz"):
        some().save(tmp_path / "a.obj")
    (tmp_path / "a.obj").write_bytes(b"v 1 2 3\n")
    with pytest.raises(DataError, match=r"starts with b'v 1 '.*\.npz, \.ply"):
        Gaussians.load(tmp_path / "a.obj")
    (tmp_path / "empty.ply").write_bytes(b"")
    with pytest.raises(DataError, match="starts with b''"):
        Gaussians.load(tmp_path / "empty.ply")
    with pytest.raises(DataError, match="no file"):
        Gaussians.load(tmp_path)


@pytest.mark.parametrize("suffix", WRITERS)
def test_wrong_gaussians_are_not_written(tmp_path, suffix):
    bad = some()
    bad.means[3, 1] = np.nan
    with pytest.raises(ArgumentError, match=r"means\[3\]"):
        bad.save(tmp_path / f"a{suffix}")
    assert not (tmp_path / f"a{suffix}").exists()


@pytest.fixture
def full_disk():
    """The system lets nobody write files of more than 4 kB."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_full_disk_leaves_the_file_that_was_there(tmp_path, full_disk, suffix):
    file = tmp_path / f"a{suffix}"
    some().save(file)
    before = file.read_bytes()
    with pytest.raises(StorageError, match="cannot be written"):
        some(5000).save(file)
    assert file.read_bytes() == before and list(tmp_path.iterdir()) == [file]


def test_cut_and_damage_of_an_npz(tmp_path):
    some(3).save(tmp_path / "a.npz")
    whole = (tmp_path / "a.npz").read_bytes()
    check_cuts(Gaussians.load, tmp_path / "b.npz", whole, step=7)
    check_damage(Gaussians.load, tmp_path / "b.npz", whole)
