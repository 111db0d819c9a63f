"""Files that other people's programs wrote of Gaussians of ours; see the README beside them."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

from simscale_gym.splats.formats.spz_stream import is_antialiased
from simscale_gym.splats.gaussians import Gaussians

FOLDER = Path(__file__).parents[1] / "data" / "splats_of_others"

PLAIN = {"means": 0.0, "scales": 1e-6, "opacities": 1e-6, "quats": 1e-6, "dc": 0.0, "further": 0.0}
COMPRESSED = {
    "means": 0.0089,
    "scales": 0.0035,
    "opacities": 0.002,
    "quats": 0.0012,
    "dc": 0.0067,
    "further": 0.0157,
}
ROWS = {"means": 0.0, "scales": 1e-6, "opacities": 0.004, "quats": 0.0096, "dc": 0.0139}
SPZ = {"means": 1.3e-4, "scales": 0.0318, "opacities": 0.002, "quats": 0.0021, "dc": 0.0131, "further": 0.067}
SOG = {"means": 7e-4, "scales": 0.0145, "opacities": 0.004, "quats": 0.0098, "dc": 0.0064, "further": 0.085}

FILES = {
    "gsplat_40.ply": (16, PLAIN),
    "niantic_40.ply": (9, PLAIN),
    "plyfile_40_text.ply": (4, PLAIN),
    "plyfile_40_big_endian.ply": (4, PLAIN),
    "splat_transform_257.compressed.ply": (4, COMPRESSED),
    "splat_transform_40.compressed.ply": (16, COMPRESSED),
    "gsplat_257_degree_0.compressed.ply": (1, COMPRESSED),
    "antimatter15_257.splat": (1, ROWS),
    "gsplat_257.splat": (1, ROWS),
    "niantic_40_v2.spz": (16, {**SPZ, "quats": 0.04}),
    "niantic_40_v3.spz": (16, SPZ),
    "niantic_40_v4_antialiased.spz": (16, SPZ),
    "splat_transform_40_v4.spz": (16, SPZ),
    "gsply_257_v3.spz": (4, {**SPZ, "further": 0.004}),
    "splat_transform_257.sog": (4, SOG),
    "splat_transform_257_degree_0.sog": (1, SOG),
    "gaussforge_40.sog": (16, {**SOG, "further": 0.0053}),
}


def original(name):
    return Gaussians.load(FOLDER / f"original_{257 if '257' in name else 40}.npz")


def errors(made, wanted):
    """Largest difference of each quantity; scales by their logarithm, rotations whatever their sign."""
    signs = np.sign((made.quats * wanted.quats).sum(1, keepdims=True))
    return {
        "means": np.abs(made.means - wanted.means).max(),
        "scales": np.abs(np.log(made.scales) - np.log(wanted.scales)).max(),
        "opacities": np.abs(made.opacities - wanted.opacities).max(),
        "quats": np.abs(made.quats * signs - wanted.quats).max(),
        "dc": np.abs(made.sh[:, 0] - wanted.sh[:, 0]).max(),
        "further": np.abs(made.sh - wanted.sh[:, : made.sh.shape[1]])[:, 1:].max(initial=0.0),
    }


def test_every_file_is_checked():
    kinds = {".ply", ".splat", ".spz", ".sog"}
    assert {path.name for path in FOLDER.iterdir() if path.suffix in kinds} == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_others_files_hold_what_was_written(name):
    terms, bounds = FILES[name]
    if "_v4" in name:
        pytest.importorskip("zstandard", reason="zstandard is not installed")
    made, wanted = Gaussians.load(FOLDER / name), original(name)
    assert made.sh.shape == (len(wanted), terms, 3)
    order = cKDTree(made.means).query(wanted.means)[1]  # some programs sort
    assert len(np.unique(order)) == len(wanted)
    found = errors(made.subset(order), wanted)
    assert {key: found[key] for key in bounds if found[key] > bounds[key] + 1e-6} == {}


@pytest.mark.parametrize("version", ["v2", "v3", "v4_antialiased"])
def test_the_reference_says_whether_it_is_antialiased(version):
    assert is_antialiased(FOLDER / f"niantic_40_{version}.spz") == version.endswith("antialiased")


def test_our_spz_has_the_bytes_of_the_reference(tmp_path):
    original("40").save(tmp_path / "a.spz")
    ours, theirs = (
        np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8)
        for path in (tmp_path / "a.spz", FOLDER / "niantic_40_v3.spz")
    )
    further = 40 * 45
    assert len(ours) == len(theirs)
    np.testing.assert_array_equal(ours[:-further], theirs[:-further])
    steps = np.abs(ours[-further:].astype(int) - theirs[-further:])
    assert np.isin(steps, (0, 8, 15, 16)).all()  # they round some coefficients away from the nearest step


def test_our_ply_has_the_bytes_of_gsplat(tmp_path):
    original("40").save(tmp_path / "a.ply")
    (ours_head, ours), (theirs_head, theirs) = (
        path.read_bytes().split(b"end_header\n", 1) for path in (tmp_path / "a.ply", FOLDER / "gsplat_40.ply")
    )
    assert ours_head == theirs_head
    np.testing.assert_allclose(np.frombuffer(ours, "<f4"), np.frombuffer(theirs, "<f4"), rtol=1e-6, atol=1e-7)
