"""Templates that are added one by one."""

from __future__ import annotations

import numpy as np
import pytest
from random_scenes import random_gaussians

from simscale_gym.errors import ArgumentError
from simscale_gym.splats.cpu.pack import pack
from simscale_gym.splats.cpu.store import TemplateStore


def test_view_dependent_coefficients_are_not_copied_for_every_template():
    rng = np.random.default_rng(0)
    packed = [
        pack(random_gaussians(rng, (-1, -1, -1), (1, 1, 1), (0.1, 0.2), count=300, terms=terms))
        for terms in (4, 1, 16)
    ]
    store, places = TemplateStore(), []
    for turn in range(300):
        store.add(packed[turn % 3])
        places.append(store.sh_rest.ctypes.data)
    moves = np.count_nonzero(np.diff(places))
    assert moves < 16, f"moved {moves} times"
    for number in range(300):
        template = packed[number % 3]
        for chunk in range(store.first_chunk[number], store.first_chunk[number + 1]):
            start, terms = store.sh_span[chunk]
            own = template.sh_rest[chunk - store.first_chunk[number]]
            assert terms * 3 == len(own)
            np.testing.assert_array_equal(store.sh_rest[start : start + own.size], own.ravel())


def test_shapes_and_colours_that_do_not_fit_a_template_are_refused():
    gaussians = random_gaussians(np.random.default_rng(1), (-1, -1, -1), (1, 1, 1), (0.1, 0.2), count=300)
    store = TemplateStore([pack(gaussians)])
    shape = gaussians.means, gaussians.quats, gaussians.scales
    lanes = store.lanes.copy()
    for row in range(3):
        short = [value[:10] if k == row else value for k, value in enumerate(shape)]
        with pytest.raises(ArgumentError, match=r"shape \(10, "):
            store.shape(0, *short)
    with pytest.raises(ArgumentError, match=r"rgb.*\(10, 3\)"):
        store.colors(0, np.ones((10, 3)))
    for number in (-1, 1):
        with pytest.raises(ArgumentError, match=f"template is {number}"):
            store.shape(number, *shape)
    np.testing.assert_array_equal(store.lanes, lanes)
