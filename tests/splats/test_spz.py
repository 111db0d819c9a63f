"""SPZ against bytes packed by plain formulas, and its losses against what is stated."""

import gzip
import struct
import sys

import numpy as np
import pytest
from damage import check_cuts, check_damage, survives
from random_scenes import random_gaussians

from simscale_gym.errors import DataError, MissingExtraError
from simscale_gym.splats.assets.asset_import import import_asset
from simscale_gym.splats.gaussians import Gaussians


def some(count=400, terms=16, reach=100):
    rng = np.random.default_rng(8)
    return random_gaussians(rng, [-reach] * 3, [reach] * 3, (0.001, 50), count=count, terms=terms)


def header(version=3, count=1, degree=0, bits=12, flags=0):
    return struct.pack("<4sIIBBBB", b"NGSP", version, count, degree, bits, flags, 0)


ONE = [
    (8192).to_bytes(3, "little") + (-4096).to_bytes(3, "little", signed=True) + (1).to_bytes(3, "little"),
    bytes([51]),
    bytes([255, 0, 204]),
    bytes([160, 176, 144]),
]


@pytest.mark.parametrize("version", [2, 3])
def test_one_gaussian_worked_by_hand(tmp_path, version):
    # xyzw = (0.5, -0.5, 0.5, 0.5): bytes around 127.5, or the largest (here x, index 0) left out
    first = bytes([191, 64, 191])
    three = 0 << 30 | (512 | 361) << 20 | 361 << 10 | 361
    rotation = first if version == 2 else struct.pack("<I", three)
    sh = bytes([128 + 64, 128, 128 - 32] + [128] * 6)
    (tmp_path / "a.spz").write_bytes(gzip.compress(b"".join([header(version, degree=1), *ONE, rotation, sh])))
    made = Gaussians.load(tmp_path / "a.spz")
    np.testing.assert_array_equal(made.means, np.float32([[2, -1, 1 / 4096]]))
    np.testing.assert_allclose(made.opacities, [0.2], rtol=1e-6)
    np.testing.assert_allclose(made.sh[0, 0], np.array([0.5, -0.5, 0.3]) / 0.15, rtol=1e-5)
    np.testing.assert_allclose(made.scales, np.exp([[0, 1, -1]]), rtol=1e-6)
    np.testing.assert_allclose(made.quats, [[0.5, 0.5, -0.5, 0.5]], atol=6e-3)
    np.testing.assert_allclose(made.sh[0, 1], [0.5, 0, -0.25])
    assert made.sh.shape == (1, 4, 3) and not made.sh[0, 2:].any()


def test_version_1_has_half_floats(tmp_path):
    body = [np.array([2.5, -1, 0.125], "<f2").tobytes(), *ONE[1:], bytes([191, 64, 191])]
    (tmp_path / "a.spz").write_bytes(gzip.compress(b"".join([header(version=1), *body])))
    made = Gaussians.load(tmp_path / "a.spz")
    np.testing.assert_array_equal(made.means, np.float32([[2.5, -1, 0.125]]))
    np.testing.assert_allclose(made.quats, [[0.5, 0.5, -0.5, 0.5]], atol=6e-3)


@pytest.mark.parametrize("which", range(4))
def test_each_component_may_be_the_largest(tmp_path, which):
    gaussians = some(50, 1)
    gaussians.quats[:] = (
        gaussians.quats * 0.2 + np.eye(4)[which] * np.where(np.arange(50) % 2, 1, -1)[:, None]
    )
    gaussians.quats[:] /= np.linalg.norm(gaussians.quats, axis=1, keepdims=True)
    gaussians.save(tmp_path / "a.spz")
    made = Gaussians.load(tmp_path / "a.spz")
    assert (np.abs((made.quats * gaussians.quats).sum(1)) > np.cos(0.003)).all()


@pytest.mark.parametrize("terms", [1, 4, 9, 16])
def test_round_trip_within_the_stated_bounds(tmp_path, terms):
    gaussians = some(terms=terms)
    gaussians.sh[:, 1:] = np.clip(gaussians.sh[:, 1:], -0.9, 0.85)
    gaussians.save(tmp_path / "a.spz")
    made = Gaussians.load(tmp_path / "a.spz")
    np.testing.assert_allclose(made.means, gaussians.means, atol=1 / 8192 + 1e-5)
    np.testing.assert_allclose(made.scales, gaussians.scales, rtol=0.0321)
    np.testing.assert_allclose(made.opacities, gaussians.opacities, atol=1.001 / 510)
    np.testing.assert_allclose(made.sh[:, 0], gaussians.sh[:, 0], atol=0.01308)
    np.testing.assert_allclose(made.sh[:, 1:4], gaussians.sh[:, 1:4], atol=1 / 32 + 1e-6)
    np.testing.assert_allclose(made.sh[:, 4:], gaussians.sh[:, 4:], atol=1 / 16 + 1e-6)
    same_sign = gaussians.quats * np.sign((made.quats * gaussians.quats).sum(1, keepdims=True))
    small = np.abs(same_sign) < np.abs(same_sign).max(1, keepdims=True)
    assert np.abs(made.quats - same_sign)[small].max() < 0.0021


def test_the_antialiased_mode_is_passed_on(tmp_path):
    body = b"".join([*ONE, struct.pack("<I", 3 << 30)])
    for flags in (0, 1):
        (tmp_path / "a.spz").write_bytes(gzip.compress(header(flags=flags) + body))
        assert import_asset(tmp_path / "a.spz").antialiased == bool(flags)
    some(2).save(tmp_path / "a.ply")
    assert not import_asset(tmp_path / "a.ply").antialiased


def test_far_means_take_coarser_steps(tmp_path):
    gaussians = some(reach=7000)
    gaussians.save(tmp_path / "a.spz")
    made = Gaussians.load(tmp_path / "a.spz")
    np.testing.assert_allclose(made.means, gaussians.means, atol=4 / 8192 + 1e-3)


def test_no_gaussians_are_a_file_too(tmp_path):
    gaussians = some().subset(slice(0))
    gaussians.save(tmp_path / "a.spz")
    assert len(Gaussians.load(tmp_path / "a.spz")) == 0


def test_extensions_are_passed_over_but_not_other_bytes(tmp_path):
    rotation = struct.pack("<I", 3 << 30)
    body = b"".join([*ONE, rotation])
    (tmp_path / "a.spz").write_bytes(gzip.compress(header(flags=2) + body + b"extension"))
    np.testing.assert_allclose(Gaussians.load(tmp_path / "a.spz").quats, [[1, 0, 0, 0]])
    (tmp_path / "a.spz").write_bytes(gzip.compress(header() + body + b"extension"))
    with pytest.raises(DataError, match="9 bytes more"):
        Gaussians.load(tmp_path / "a.spz")


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (header(version=0), "version: found 0"),
        (header(version=5), "version: found 5"),
        (header(degree=4), "degree: found 4"),
        (header(count=1_000_000), "1000000 in"),
        (header(count=2**32 - 1), "count: found 4294967295"),
        (header(count=2), "bytes"),
        (b"NGSP", "4 of 16 bytes"),
        (b"XGSP" + header()[4:], "NGSP"),
    ],
)
def test_wrong_headers_are_named(tmp_path, head, message):
    data = gzip.compress(head + b"".join([*ONE, struct.pack("<I", 0)]) if len(head) == 16 else head)
    assert survives(Gaussians.load, tmp_path / "a.spz", data) is None
    with pytest.raises(DataError, match=message):
        Gaussians.load(tmp_path / "a.spz")


def version_4(count=1, degree=0, columns=None, *, claims=None, streams=None, extension=b""):
    """A file of version 4; sizes and number of streams may lie."""
    zstandard = pytest.importorskip("zstandard", reason="zstandard is not installed")
    columns = [*ONE, struct.pack("<I", 3 << 30)] if columns is None else columns
    packed = [zstandard.ZstdCompressor().compress(column) for column in columns]
    claims = [len(column) for column in columns] if claims is None else claims
    streams = len(columns) if streams is None else streams
    head = struct.pack("<4sIIBBBBI12x", b"NGSP", 4, count, degree, 12, 0, streams, 32 + len(extension))
    table = b"".join(struct.pack("<QQ", len(p), whole) for p, whole in zip(packed, claims, strict=True))
    return head + extension + table + b"".join(packed)


@pytest.mark.parametrize("extension", [b"", b"vendor's record"])
def test_version_4_worked_by_hand(tmp_path, extension):
    (tmp_path / "a.spz").write_bytes(version_4(extension=extension))
    made = Gaussians.load(tmp_path / "a.spz")
    np.testing.assert_array_equal(made.means, np.float32([[2, -1, 1 / 4096]]))
    np.testing.assert_allclose(made.scales, np.exp([[0, 1, -1]]), rtol=1e-6)
    np.testing.assert_allclose(made.quats, [[1, 0, 0, 0]])
    np.testing.assert_allclose(made.opacities, [0.2], rtol=1e-6)


def test_version_4_holds_what_version_3_holds(tmp_path):
    some(50, 9).save(tmp_path / "a.spz")
    inside, columns = gzip.decompress((tmp_path / "a.spz").read_bytes())[16:], []
    for width in (9, 1, 3, 3, 4, 24):
        columns.append(inside[: 50 * width])
        inside = inside[50 * width :]
    (tmp_path / "b.spz").write_bytes(version_4(50, 2, columns))
    for name, value in vars(Gaussians.load(tmp_path / "a.spz")).items():
        np.testing.assert_array_equal(getattr(Gaussians.load(tmp_path / "b.spz"), name), value)


@pytest.mark.parametrize(
    ("lie", "message"),
    [
        ({"count": 2**31}, "2147483648 in"),
        ({"count": 2}, "streams: found sizes"),
        ({"streams": 6}, "streams: found 6 streams"),
        ({"streams": 255}, "streams: found 255 streams"),
        ({"degree": 1}, "streams: found 5 streams"),
        ({"claims": [9, 1, 3, 3, 2**60]}, "streams: found sizes"),
        ({"columns": [*ONE, b"1234567"], "claims": [9, 1, 3, 3, 4]}, "more than 4 bytes"),
        ({"columns": [*ONE, b"123"], "claims": [9, 1, 3, 3, 4]}, "3 bytes, expected 4"),
        ({"columns": [*ONE, b"0" * 2**26], "claims": [9, 1, 3, 3, 4]}, "more than 4 bytes"),
    ],
)
def test_claims_of_version_4_are_held_against_the_streams(tmp_path, lie, message):
    assert survives(Gaussians.load, tmp_path / "a.spz", version_4(**lie), limit=2**23) is None
    with pytest.raises(DataError, match=message):
        Gaussians.load(tmp_path / "a.spz")


def test_cut_and_damage_of_version_4(tmp_path):
    check_cuts(Gaussians.load, tmp_path / "a.spz", version_4())
    check_damage(Gaussians.load, tmp_path / "a.spz", version_4())


def test_version_4_without_its_package_says_how_to_get_it(tmp_path, monkeypatch):
    (tmp_path / "a.spz").write_bytes(version_4())
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(MissingExtraError, match=r"zstandard.*pip install .*\[spz\]'"):
        Gaussians.load(tmp_path / "a.spz")


def test_a_checksum_that_is_not_met(tmp_path):
    some(20).save(tmp_path / "a.spz")
    data = bytearray((tmp_path / "a.spz").read_bytes())
    data[-5] ^= 1
    (tmp_path / "a.spz").write_bytes(data)
    with pytest.raises(DataError, match="damaged stream"):
        Gaussians.load(tmp_path / "a.spz")


def test_cut_and_damage_of_the_file_and_of_what_it_holds(tmp_path):
    some(6, 4).save(tmp_path / "a.spz")
    whole = (tmp_path / "a.spz").read_bytes()
    check_cuts(Gaussians.load, tmp_path / "b.spz", whole)
    check_damage(Gaussians.load, tmp_path / "b.spz", whole)
    inside = gzip.decompress(whole)

    def load(path):
        path.write_bytes(gzip.compress(path.read_bytes(), 1))
        return Gaussians.load(path)

    check_damage(load, tmp_path / "b.spz", inside, seed=1)


@pytest.mark.parametrize("degree", [0, 3])
def test_gaussians_that_take_no_bytes_are_refused(tmp_path, degree):
    count = 2**20
    zeros = gzip.compress(header(count=count, degree=degree) + bytes(count * (20 + 45 * (degree == 3))))
    assert survives(Gaussians.load, tmp_path / "a.spz", zeros, limit=2**24) is None


def test_a_stream_that_expands_without_end_stops_at_the_claim(tmp_path):
    bomb = gzip.compress(header(count=3) + b"\0" * 2**25)
    assert survives(Gaussians.load, tmp_path / "a.spz", bomb, limit=2**23) is None
    assert len(bomb) < 2**18
