from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from simscale_gym.dressing.surfels.sheets import SheetBuilder
from simscale_gym.dressing.surfels.surfels import SurfelBuilder


@pytest.mark.parametrize("sharp", ["", "l", "rt", "lrbt"])
def test_a_deferred_rectangle_is_the_plain_one(sharp):
    def color(x, z, dx, dz, points):
        return np.stack([x / 5.0, z / 5.0, dx * dz], 1)

    arguments = (
        (1.0, 2.0, 3.0),
        (0.6, 0.8, 0.0),
        (0.0, 0.0, 1.0),
        (0.3, 3.1),
        (-0.5, 1.2),
        (0.4, 0.3),
        color,
    )
    options = {"sharp": sharp, "edge": 0.05, "growth": 2.0, "noise": 0.0, "gloss": 0.2, "occlusion": 0.7}
    built = []
    for kind in (SurfelBuilder, SheetBuilder):
        builder = kind(np.random.default_rng(0), k=0.6)
        builder.rect(*arguments, **options)
        built.append(builder.build())
    plain, deferred = built
    assert len(plain) == len(deferred)
    for field in fields(plain):
        np.testing.assert_allclose(getattr(deferred, field.name), getattr(plain, field.name), atol=1e-5)


def test_a_patch_covers_a_triangle_and_stays_in_it():
    builder = SheetBuilder(np.random.default_rng(0))
    corners = np.array([[0, 0, 0], [4, 0, 0], [2, 0, 3], [2, 0, 3]], float)
    builder.patch(corners, (0.3, 0.3), (0.5, 0.5, 0.5), noise=0.0)
    surfels = builder.build()
    x, z = surfels.centers[:, 0], surfels.centers[:, 2]
    assert (np.abs(x - 2.0) <= 2.0 * (1.0 - z / 3.0) + 1e-5).all()
    area = (surfels.sigmas[:, 0] * surfels.sigmas[:, 1]).sum() / builder.k**2
    assert area == pytest.approx(6.0, rel=0.05)
    np.testing.assert_allclose(surfels.normals, np.tile([0.0, -1.0, 0.0], (len(surfels), 1)), atol=1e-6)


def test_functions_are_called_once_for_all_sheets_that_share_them():
    calls = []

    def color(x, z, dx, dz, points):
        calls.append(len(x))
        return np.zeros((len(x), 3))

    builder = SheetBuilder(np.random.default_rng(0))
    for left in range(5):
        builder.rect((left, 0, 0), (1, 0, 0), (0, 0, 1), (0.0, 1.0), (0.0, 1.0), 0.5, color)
    assert len(builder.build()) == 20
    assert calls == [20]
