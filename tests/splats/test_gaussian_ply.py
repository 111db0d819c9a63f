"""PLY of Gaussians as trainers write it, and what is none."""

import numpy as np
import pytest
from damage import check_cuts, check_damage
from random_scenes import random_gaussians

from simscale_gym.errors import DataError
from simscale_gym.splats.formats.activation import MIN_OPACITY
from simscale_gym.splats.gaussians import Gaussians

INRIA = [
    *("x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2"),
    *(f"f_rest_{index}" for index in range(45)),
    *("opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"),
]


def some(count=7, terms=16):
    return random_gaussians(
        np.random.default_rng(3), (-9, -9, -9), (9, 9, 9), (0.01, 2), count=count, terms=terms
    )


def raw(count=5, names=INRIA, seed=0):
    """Random raw values by name."""
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=count).astype(np.float32) for name in names}


def ply(values, order="<", kind="float", element="vertex", claim=None, extra=""):
    count = len(next(iter(values.values())))
    word = {"<": "binary_little_endian", ">": "binary_big_endian", "": "ascii"}[order]
    lines = ["ply", f"format {word} 1.0", "comment made by hand", f"element {element} {claim or count}"]
    lines += [f"property {kind} {name}" for name in values]
    head = "\n".join(lines).encode() + f"\n{extra}end_header\n".encode()
    table = np.stack(list(values.values()), 1)
    if not order:
        return head + "\n".join(" ".join(repr(float(v)) for v in row) for row in table).encode() + b"\n"
    return head + table.astype(order + {"float": "f4", "double": "f8"}[kind]).tobytes()


def expected(values):
    """Plain formulas, one Gaussian after the other."""
    made = []
    for i in range(len(values["x"])):
        v = {name: float(column[i]) for name, column in values.items()}
        quat = np.array([v[f"rot_{k}"] for k in range(4)])
        sh = [[v[f"f_dc_{c}"] for c in range(3)]]
        per_channel = sum(name.startswith("f_rest_") for name in v) // 3
        sh += [[v[f"f_rest_{c * per_channel + k}"] for c in range(3)] for k in range(per_channel)]
        made.append(
            (
                [v["x"], v["y"], v["z"]],
                quat / np.sqrt((quat**2).sum()),
                [np.exp(v[f"scale_{k}"]) for k in range(3)],
                1 / (1 + np.exp(-v["opacity"])),
                sh,
            )
        )
    return Gaussians(*(np.array(part, np.float32) for part in zip(*made, strict=True)))


def assert_same(made, wanted, rtol=1e-5):
    for name, value in vars(wanted).items():
        np.testing.assert_allclose(getattr(made, name), value, rtol=rtol, atol=1e-7, err_msg=name)


@pytest.mark.parametrize(("order", "kind"), [("<", "float"), (">", "float"), ("", "float"), ("<", "double")])
def test_values_of_every_encoding(tmp_path, order, kind):
    values = raw()
    (tmp_path / "a.ply").write_bytes(ply(values, order, kind))
    assert_same(Gaussians.load(tmp_path / "a.ply"), expected(values))


def test_properties_count_by_name_not_by_place(tmp_path):
    values = {**raw(), "segment": np.arange(5.0), "confidence": np.ones(5)}
    names = list(np.random.default_rng(1).permutation(list(values)))
    (tmp_path / "a.ply").write_bytes(ply({name: values[name] for name in names}))
    assert_same(Gaussians.load(tmp_path / "a.ply"), expected(values))


@pytest.mark.parametrize("further", [0, 9, 24, 45])
def test_degree_follows_from_the_number_of_coefficients(tmp_path, further):
    names = [name for name in INRIA if not name.startswith(("f_rest", "n"))]
    values = raw(names=[*names, *(f"f_rest_{index}" for index in range(further))])
    (tmp_path / "a.ply").write_bytes(ply(values))
    made = Gaussians.load(tmp_path / "a.ply")
    assert made.sh.shape == (5, 1 + further // 3, 3)
    assert_same(made, expected(values))


def test_elements_before_and_behind_are_passed_over(tmp_path):
    values = raw()
    camera = b"element camera 2\nproperty double focal\nproperty uchar kind\n"
    whole = ply(values).replace(b"element vertex", camera + b"element vertex")
    start = whole.index(b"end_header\n") + len(b"end_header\n")
    whole = whole[:start] + b"\x07" * 18 + whole[start:]
    whole = whole.replace(
        b"end_header", b"element face 9\nproperty list uchar int vertex_indices\nend_header"
    )
    (tmp_path / "a.ply").write_bytes(whole)
    assert_same(Gaussians.load(tmp_path / "a.ply"), expected(values))


@pytest.mark.parametrize("order", ["<", ""])
def test_elements_without_properties_take_no_place(tmp_path, order):
    values = raw()
    whole = ply(values, order).replace(b"element vertex", b"element nothing 999999999\nelement vertex")
    (tmp_path / "a.ply").write_bytes(whole.replace(b"end_header", b"element sh 5\nend_header"))
    assert_same(Gaussians.load(tmp_path / "a.ply"), expected(values))


def test_more_rows_than_one_block(tmp_path):
    values = raw(count=40_000)
    (tmp_path / "a.ply").write_bytes(ply(values))
    made = Gaussians.load(tmp_path / "a.ply")
    for rows in (slice(16_380, 16_390), slice(39_995, 40_000)):
        assert_same(made.subset(rows), expected({name: column[rows] for name, column in values.items()}))
    values["scale_1"][[17_000, 39_999]] = np.nan
    (tmp_path / "a.ply").write_bytes(ply(values))
    with pytest.raises(DataError, match=r"scales\[17000\].*2 of 40000 rows"):
        Gaussians.load(tmp_path / "a.ply")


def test_elements_of_a_text_follow_one_another(tmp_path):
    values = raw()
    camera = b"element camera 2\nproperty double focal\nproperty uchar kind\n"
    whole = ply(values, "").replace(b"element vertex", camera + b"element vertex")
    (tmp_path / "a.ply").write_bytes(whole.replace(b"end_header\n", b"end_header\n1.5 7\n\n2.5 8\n"))
    assert_same(Gaussians.load(tmp_path / "a.ply"), expected(values))


def test_lines_may_end_as_windows_ends_them(tmp_path):
    values = raw()
    head, data = ply(values).split(b"end_header\n", 1)
    (tmp_path / "a.ply").write_bytes(head.replace(b"\n", b"\r\n") + b"end_header\r\n" + data)
    assert_same(Gaussians.load(tmp_path / "a.ply"), expected(values))


@pytest.mark.parametrize("terms", [1, 4, 9, 16])
def test_round_trip_loses_only_rounding(tmp_path, terms):
    gaussians = some(terms=terms)
    gaussians.save(tmp_path / "a.ply")
    made = Gaussians.load(tmp_path / "a.ply")
    for name in ("means", "sh"):
        np.testing.assert_array_equal(getattr(made, name), getattr(gaussians, name))
    assert_same(made, gaussians, rtol=3e-6)
    header = (tmp_path / "a.ply").read_bytes()[:200]
    assert b"property float nx" not in header and header.index(b"f_dc_0") < header.index(b"f_dc_2")


def test_ends_of_opacity_and_scale_survive(tmp_path):
    gaussians = some(2, 1)
    gaussians.opacities[:] = [0, 1]
    gaussians.scales[0] = 0
    gaussians.save(tmp_path / "a.ply")
    made = Gaussians.load(tmp_path / "a.ply")
    np.testing.assert_allclose(made.opacities, [0, 1], atol=1.1 * MIN_OPACITY)
    np.testing.assert_allclose(made.scales[0], 0, atol=1e-29)


@pytest.mark.parametrize(
    ("name", "bad", "message"),
    [
        ("x", np.nan, r"means\[3\]"),
        ("rot", 0.0, r"quats\[3\].*not zero"),
        ("rot_1", np.nan, r"quats\[3\]"),
        ("scale_1", np.inf, r"scales\[3\]"),
        ("scale_2", 200.0, r"scales\[3\]"),
        ("opacity", np.nan, r"opacities\[3\]"),
        ("f_rest_44", np.inf, r"sh\[3\]"),
    ],
)
def test_bad_values_are_named(tmp_path, name, bad, message):
    values = raw()
    for key in [key for key in values if key.startswith(name)]:
        values[key][3] = bad
    (tmp_path / "a.ply").write_bytes(ply(values))
    with pytest.raises(DataError, match=rf"a\.ply, {message}"):
        Gaussians.load(tmp_path / "a.ply")


def test_infinite_logits_are_the_ends_of_opacity(tmp_path):
    values = raw()
    values["opacity"][:2] = [-np.inf, np.inf]
    (tmp_path / "a.ply").write_bytes(ply(values))
    assert Gaussians.load(tmp_path / "a.ply").opacities[:2].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data.replace(b" opacity", b" alpha"), "no property opacity among x, y"),
        (lambda data: data.replace(b"f_rest_44", b"f_rest_45"), "f_rest"),
        (lambda data: data.replace(b"property float f_rest_3\n", b"", 1), "f_rest"),
        (lambda data: data.replace(b" ny", b" x"), "x twice"),
        (lambda data: data.replace(b"float nx", b"list uchar float nx"), "list properties"),
        (lambda data: data.replace(b"float nx", b"quad nx"), "quad nx"),
        (lambda data: data.replace(b"vertex 5", b"vertex 1000000"), "claim of 1000000 rows"),
        (lambda data: data.replace(b"vertex 5", b"vertex 999999999999999999"), "claim of 9999"),
        (lambda data: data.replace(b"vertex 5", b"vertex -5"), "vertex -5"),
        (lambda data: data.replace(b"vertex", b"point"), "no element vertex"),
        (lambda data: data.replace(b"format", b"farmat"), "farmat"),
        (lambda data: data.replace(b"format binary_little_endian 1.0\n", b""), "no format"),
        (lambda data: data[:-1], "rows"),
    ],
)
def test_wrong_headers_are_named(tmp_path, change, message):
    (tmp_path / "a.ply").write_bytes(change(ply(raw())))
    with pytest.raises(DataError, match=message):
        Gaussians.load(tmp_path / "a.ply")


def test_a_point_cloud_is_no_set_of_gaussians(tmp_path):
    (tmp_path / "a.ply").write_bytes(ply(raw(names=["x", "y", "z", "red"])))
    with pytest.raises(DataError, match=r"f_dc_0.*gsplat or SuperSplat"):
        Gaussians.load(tmp_path / "a.ply")


@pytest.mark.parametrize("order", ["<", ""])
def test_cut_anywhere(tmp_path, order):
    whole = ply(raw(count=2, names=[name for name in INRIA if "f_rest" not in name]), order)
    end = len(whole) if order else whole.rindex(b" ") + 1  # a text may lose digits of its last number unseen
    check_cuts(Gaussians.load, tmp_path / "a.ply", whole[:end], step=3)


@pytest.mark.parametrize("order", ["<", ">", ""])
def test_damage(tmp_path, order):
    check_damage(Gaussians.load, tmp_path / "a.ply", ply(raw(), order))
