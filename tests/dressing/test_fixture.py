from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from simscale_gym.dressing.furniture.fixture import fixture_surfels
from simscale_gym.dressing.furniture.road_sign import BLACK, OUTSIDE, PICTOGRAMS, RED, WHITE, sign_paint
from simscale_gym.dressing.furniture.signal_head import LIT, signal_lamp_surfels
from simscale_gym.errors import ArgumentError
from simscale_gym.scene.lights import LightStatus
from simscale_gym.scene.shapes import FIXTURE_KINDS, Fixture

HEIGHTS = {
    "lamp": 7.5,
    "signal": 3.5,
    "sign": 2.6,
    "bollard": 0.95,
    "bin": 1.0,
    "bench": 0.85,
    "shelter": 2.5,
}


def fixture(kind: str, heading: float = 0.0, reach: float = 0.0) -> Fixture:
    return Fixture(kind, 3.0, -1.0, heading, HEIGHTS[kind], reach, label="30" if kind == "sign" else "")


@pytest.mark.parametrize("kind", FIXTURE_KINDS)
def test_every_kind_stands_on_the_ground_at_its_height(kind):
    item = fixture(kind)
    surfels = fixture_surfels(item)
    for field in fields(surfels):
        assert np.isfinite(getattr(surfels, field.name)).all(), field.name
    assert np.abs((surfels.u * surfels.v).sum(1)).max() < 1e-4
    assert surfels.centers[:, 2].min() < 0.2
    assert item.height - 0.15 < surfels.centers[:, 2].max() < item.height + 0.25
    assert np.linalg.norm(surfels.centers[:, :2] - [3.0, -1.0], axis=1).max() < 2.6
    assert 30 < len(surfels) < 1600
    assert len(fixture_surfels(item, lod=4.0)) < 0.6 * len(surfels)


@pytest.mark.parametrize("kind", ["lamp", "signal"])
def test_an_arm_reaches_to_the_left_of_the_heading(kind):
    # Facing +y, the left is -x.
    surfels = fixture_surfels(fixture(kind, heading=np.pi / 2, reach=4.0))
    assert surfels.centers[:, 0].min() == pytest.approx(3.0 - 4.0, abs=0.75)
    assert surfels.centers[:, 0].max() < 3.5


@pytest.mark.parametrize("status", [LightStatus.GREEN, LightStatus.YELLOW, LightStatus.RED])
def test_one_lamp_is_lit_in_its_color_at_its_place(status):
    item = fixture("signal", heading=np.pi)
    lamps = signal_lamp_surfels(item, status)
    lit = lamps.subset(lamps.emissive == 1.0)
    np.testing.assert_allclose(np.median(lit.albedo, axis=0), LIT[status], atol=1e-6)
    height = {status: signal_lamp_surfels(item, status) for status in LIT_STATUSES}
    level = [s.centers[s.emissive == 1.0, 2].mean() for s in height.values()]
    assert level[0] < level[1] < level[2]  # green below, red on top
    assert lit.centers[:, 0].max() < 3.0  # before the pole, on the side that it faces
    np.testing.assert_allclose(lit.normals, np.tile([-1.0, 0.0, 0.0], (len(lit), 1)), atol=1e-6)


LIT_STATUSES = (LightStatus.GREEN, LightStatus.YELLOW, LightStatus.RED)


def test_unknown_is_dark():
    assert not (signal_lamp_surfels(fixture("signal"), LightStatus.UNKNOWN).emissive == 1.0).any()


def test_a_signal_with_an_arm_has_two_heads():
    one = signal_lamp_surfels(fixture("signal"), LightStatus.RED)
    two = signal_lamp_surfels(replace(fixture("signal"), height=5.8, reach=4.5), LightStatus.RED)
    assert len(two) == 2 * len(one)
    assert two.centers[:, 1].max() > -1.0 + 4.3


def test_lamps_lie_in_front_of_their_housing():
    item = fixture("signal")
    lamps, body = signal_lamp_surfels(item, LightStatus.UNKNOWN), fixture_surfels(item)
    near = np.abs(body.centers[:, 2] - lamps.centers[:, 2].mean()) < 0.3
    front = body.centers[near & (body.normals[:, 0] > 0.9), 0].max()
    assert lamps.centers[:, 0].min() > front


def raster(label: str, count: int = 72) -> np.ndarray:
    level = 0.36 * (1.0 - 2.0 * (np.arange(count) + 0.5) / count)
    return sign_paint(label, *np.meshgrid(-level, level))


def test_speed_limits_are_told_apart_and_read_from_left_to_right():
    thirty, fifty = raster("30"), raster("50")
    assert (thirty[:, 36:] == fifty[:, 36:]).all()
    assert (thirty[:, :36] != fifty[:, :36]).sum() > 20
    assert (thirty == RED).sum() > 500
    assert (thirty == BLACK).sum() > 150


def test_parking_is_not_mirrored():
    white = raster("parking") == WHITE
    stem = white[:, :36].sum()
    upper_bowl, lower_right = white[:36, 36:].sum(), white[48:, 36:].sum()
    assert stem > 0
    assert upper_bowl > 10 > lower_right


@pytest.mark.parametrize("label", [*PICTOGRAMS, "30", "120"])
def test_faces_fill_their_outline(label):
    face = raster(label)
    assert 0.25 < (face != OUTSIDE).mean() < 0.8
    np.testing.assert_array_equal(face == OUTSIDE, (face == OUTSIDE)[:, ::-1])


def test_unknown_kinds_and_labels_are_named():
    with pytest.raises(ArgumentError, match="kiosk"):
        fixture_surfels(replace(fixture("bin"), kind="kiosk"))
    with pytest.raises(ArgumentError, match="no entry"):
        fixture_surfels(replace(fixture("sign"), label="no entry"))
