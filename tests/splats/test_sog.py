"""PlayCanvas's SOG against values packed by plain formulas."""

import io
import json
import zipfile

import numpy as np
import pytest
from damage import check_cuts, check_damage, survives
from PIL import Image

from simscale_gym.errors import DataError
from simscale_gym.splats.assets.asset_import import import_asset
from simscale_gym.splats.gaussians import Gaussians


def picture(rows, size=(4, 4)):
    """A lossless WebP image whose first pixels are `rows`."""
    pixels = np.zeros((size[1] * size[0], 4), np.uint8)
    pixels[: len(rows)] = rows
    file = io.BytesIO()
    Image.fromarray(pixels.reshape(size[1], size[0], 4)).save(file, "WEBP", lossless=True, exact=True)
    return file.getvalue()


def members(tags=(252, 253, 254, 255), labels=((0, 0), (1, 0), (64, 0), (44, 1)), entries=65):
    """Four Gaussians of degree 1."""
    codes = [float(k) / 16 - 8 for k in range(256)]
    meta = {
        "version": 2,
        "count": 4,
        "means": {"mins": [-1.0, 0.0, -2.0], "maxs": [1.0, 0.0, 2.0], "files": ["low.webp", "high.webp"]},
        "scales": {"codebook": codes, "files": ["scales.webp"]},
        "quats": {"files": ["quats.webp"]},
        "sh0": {"codebook": codes, "files": ["sh0.webp"]},
        "shN": {
            "count": entries,
            "bands": 1,
            "codebook": [k / 100 for k in range(256)],
            "files": ["palette.webp", "labels.webp"],
        },
    }
    palette = np.zeros((2, 192, 4), np.uint8)
    palette[..., 3] = 255
    palette[0, :6, :3] = np.arange(18).reshape(6, 3)  # entries 0 and 1
    palette[1, :3, :3] = 100 + np.arange(9).reshape(3, 3)  # entry 64
    return {
        "meta.json": meta,
        "low.webp": picture([[0, 0, 0, 255], [255, 0, 255, 255], [0, 7, 1, 255], [0, 0, 0, 255]]),
        "high.webp": picture([[0, 0, 0, 255], [255, 0, 255, 255], [128, 9, 0, 255], [0, 0, 0, 255]]),
        "scales.webp": picture([[128, 112, 144, 255]] * 4),
        "quats.webp": picture([[255, 0, 128, tag] for tag in tags]),
        "sh0.webp": picture([[128, 144, 112, 51], [0, 0, 0, 255], [0, 0, 0, 0], [255, 255, 255, 1]]),
        "palette.webp": picture(palette.reshape(-1, 4), (192, 2)),
        "labels.webp": picture([[*label, 0, 255] for label in labels]),
    }


def sog(parts):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, json.dumps(data) if name == "meta.json" else data)
    return file.getvalue()


def test_gaussians_worked_by_hand(tmp_path):
    (tmp_path / "a.sog").write_bytes(sog(members()))
    made = Gaussians.load(tmp_path / "a.sog")
    e = np.expm1
    middle = 2 * 32768 / 65535 - 1
    wanted = [[-e(1), 0, -e(2)], [e(1), 0, e(2)], [e(middle), 0, -e(2 - 4 / 65535)], [-e(1), 0, -e(2)]]
    np.testing.assert_allclose(made.means, wanted, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(made.scales, np.exp([[0, -1, 1]] * 4), rtol=1e-6)
    np.testing.assert_allclose(made.opacities, [0.2, 1, 0, 1 / 255], atol=1e-7)
    np.testing.assert_allclose(made.sh[0, 0], [0, 1, -1], atol=1e-7)
    half, little = np.sqrt(0.5), (128 / 255 * 2 - 1) * np.sqrt(0.5)
    small = [half, -half, little]  # nothing is left for the largest
    for row in range(4):
        np.testing.assert_allclose(made.quats[row], np.insert(small, row, 0.0), atol=1e-4)
    np.testing.assert_allclose(made.sh[0, 1:], np.arange(9).reshape(3, 3) / 100, atol=1e-7)
    np.testing.assert_allclose(made.sh[1, 1:], np.arange(9, 18).reshape(3, 3) / 100, atol=1e-7)
    np.testing.assert_allclose(made.sh[2, 1:], np.arange(100, 109).reshape(3, 3) / 100, atol=1e-6)
    assert not made.sh[3, 1:].any()  # entry 300 of 65


def unpacked(parts, folder):
    folder.mkdir()
    for name, data in parts.items():
        (folder / name).write_bytes(json.dumps(data).encode() if name == "meta.json" else data)
    return folder


def test_unpacked_it_is_the_same(tmp_path):
    (tmp_path / "a.sog").write_bytes(sog(members()))
    folder = unpacked(members(), tmp_path / "a")
    for path in (folder, folder / "meta.json"):
        for name, value in vars(Gaussians.load(path)).items():
            np.testing.assert_array_equal(value, getattr(Gaussians.load(tmp_path / "a.sog"), name))
    asset = import_asset(folder)
    assert len(asset.background) == 4 and asset.provenance.file == "meta.json"


@pytest.mark.parametrize("name", ["gone.webp", "../b.webp", "/etc/hostname", "", ".", "a" * 5000, "\0"])
def test_a_manifest_names_files_of_its_own_folder_alone(tmp_path, name):
    (tmp_path / "b.webp").write_bytes(members()["quats.webp"])
    parts = members()
    parts["meta.json"]["quats"]["files"] = [name]
    with pytest.raises(DataError, match=r"no such file|File name too long"):
        Gaussians.load(unpacked(parts, tmp_path / "a"))


def test_without_further_coefficients_and_under_another_name(tmp_path):
    parts = members()
    del parts["meta.json"]["shN"], parts["palette.webp"], parts["labels.webp"]
    (tmp_path / "a.zip").write_bytes(sog(parts))
    assert Gaussians.load(tmp_path / "a.zip").sh.shape == (4, 1, 3)


def change(**values):
    def changed(parts):
        for path, value in values.items():
            *way, last = path.split("__")
            table = parts["meta.json"]
            for key in way:
                table = table[key]
            table[last] = value
        return parts

    return changed


@pytest.mark.parametrize(
    ("wound", "message"),
    [
        (change(version=1), "version: found 1.*splat-transform"),
        (change(count=-1), "count: found -1"),
        (change(count=True), "count: found True"),
        (change(count=10**9), "count: found 1000000000"),
        (change(count=17), r"means.files\[0\]: found 4 x 4"),
        (change(means__mins=[0, 0]), "means.mins: found 2 values"),
        (change(means__maxs=[0, "1", 0]), "means.maxs"),
        (change(means__maxs=[1e400, 0, 0]), r"means\[0\]"),
        (change(means__maxs=[900.0, 0, 0]), r"means\[1\]"),
        (change(means__files=["low.webp"]), r"means.files\[1\]"),
        (change(means__files=["none.webp", "high.webp"]), "none.webp: found no such member"),
        (change(quats=None), "quats: found None"),
        (change(scales__codebook=[0.0] * 255), "scales.codebook: found 255 values"),
        (change(scales__codebook=[200.0] * 256), r"scales\[0\]"),
        (change(shN__bands=4), "shN: found bands 4"),
        (change(shN__count=0), "shN: found bands 1, count 0"),
        (change(shN__count=200), r"shN.files\[0\]: found 192 x 2, expected \(192, 4\)"),
        (lambda parts: {**parts, "sh0.webp": b"RIFF none"}, r"sh0.files\[0\].*WebP"),
        (lambda parts: {**parts, "sh0.webp": picture([[0] * 4], (4000, 4000))}, "found 4000 x 4000"),
        (lambda parts: {**parts, "meta.json": [1]}, "version: found None"),
        (lambda _: members(tags=(252, 253, 254, 17)), r"quats\[3\].*not zero"),
    ],
)
def test_lies_are_named(tmp_path, wound, message):
    data = sog(wound(members()))
    assert survives(Gaussians.load, tmp_path / "a.sog", data, limit=2**24) is None
    with pytest.raises(DataError, match=message):
        Gaussians.load(tmp_path / "a.sog")


def test_gaussians_that_take_no_bytes_are_refused(tmp_path):
    parts, side = members(), 300
    empty = picture([[0] * 4], (side, side))
    parts |= {name: empty for name in ("low.webp", "high.webp", "scales.webp", "quats.webp", "sh0.webp")}
    parts["meta.json"] |= {"count": side * side}
    parts["meta.json"].pop("shN")
    data = sog(parts)
    assert len(data) < side * side
    assert survives(Gaussians.load, tmp_path / "a.sog", data, limit=2**22) is None


@pytest.mark.parametrize("side", [16383, 10_000])
def test_an_image_that_claims_more_than_any(tmp_path, side):
    parts = members()
    at = parts["sh0.webp"].index(b"VP8L") + 9  # 14 bits each of width - 1 and height - 1
    size = (side - 1 | side - 1 << 14).to_bytes(4, "little")
    parts["sh0.webp"] = parts["sh0.webp"][:at] + size + parts["sh0.webp"][at + 4 :]
    assert survives(Gaussians.load, tmp_path / "a.sog", sog(parts), limit=2**24) is None
    with pytest.raises(DataError, match=r"sh0.files\[0\]"):
        Gaussians.load(tmp_path / "a.sog")


def test_a_manifest_that_is_no_json(tmp_path):
    for text in (b"{", b"[" * 100_000, b"\xff"):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("meta.json", text)
            archive.writestr("a.webp", b"")
        (tmp_path / "a.sog").write_bytes(file.getvalue())
        with pytest.raises(DataError, match=r"meta\.json"):
            Gaussians.load(tmp_path / "a.sog")


def test_cut_and_damage(tmp_path):
    whole = sog(members())
    check_cuts(Gaussians.load, tmp_path / "a.sog", whole, step=61)
    check_damage(Gaussians.load, tmp_path / "a.sog", whole)


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_damage_of_compressed_members(tmp_path, compression):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, value in members().items():
            archive.writestr(name, json.dumps(value) if isinstance(value, dict) else value)
    check_damage(Gaussians.load, tmp_path / "a.sog", file.getvalue(), rounds=150)


@pytest.mark.parametrize("bands", [1.0, True, [1], 10**300])
def test_bands_are_whole_numbers(tmp_path, bands):
    parts = members()
    parts["meta.json"]["shN"]["bands"] = bands
    (tmp_path / "a.sog").write_bytes(sog(parts))
    with pytest.raises(DataError, match="shN: found bands"):
        Gaussians.load(tmp_path / "a.sog")


def test_scales_beyond_all_numbers_harm_only_where_they_are_used(tmp_path):
    parts = members()
    parts["meta.json"]["scales"]["codebook"][3] = 1e5
    assert len(survives(Gaussians.load, tmp_path / "a.sog", sog(parts))) == 4
    parts["meta.json"]["scales"]["codebook"][128] = 1e5
    (tmp_path / "a.sog").write_bytes(sog(parts))
    with pytest.raises(DataError, match=r"scales\[0\]"):
        Gaussians.load(tmp_path / "a.sog")


def test_messages_stay_short(tmp_path):
    parts = members()
    parts["meta.json"]["sh0"]["files"] = ["9" * 4000]
    (tmp_path / "a.sog").write_bytes(sog(parts))
    with pytest.raises(DataError, match="no such member") as caught:
        Gaussians.load(tmp_path / "a.sog")
    assert len(str(caught.value)) < 400
