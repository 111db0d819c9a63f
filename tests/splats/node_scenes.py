"""Raw tensors of nodes as the nerfstudio family stores them, and what they mean by plain formulas."""

from __future__ import annotations

import numpy as np

from simscale_gym.splats.gaussians import Gaussians

SH_C0 = 0.28209479177387814


def raw_node(rng, count=5, terms=16, traversals=None, prefix=""):
    """Random tensors under splatfacto's names."""
    values = {
        "means": rng.normal(size=(count, 3)),
        "scales": rng.normal(size=(count, 3)),
        "quats": rng.normal(size=(count, 4)),
        "features_dc": rng.normal(size=(count, 3)),
        "features_rest": rng.normal(size=(count, terms - 1, 3)),
        "opacities": rng.normal(size=(count, 1)),
    }
    if traversals:
        values["features_adapters"] = rng.normal(size=(count, traversals, 3))
        values["features_rest"] = rng.normal(size=(count, traversals, terms - 1, 3))
    return {prefix + name: value.astype(np.float32) for name, value in values.items()}


def meaning(raw, prefix="", dc=None, rest=None):
    """The Gaussians that raw tensors mean, one after the other."""
    v = {name.removeprefix(prefix): np.asarray(value, np.float64) for name, value in raw.items()}
    dc = v["features_dc"] if dc is None else dc
    rest = v["features_rest"] if rest is None else rest
    means, quats, scales, opacities, sh = [], [], [], [], []
    for i in range(len(v["means"])):
        means.append(v["means"][i])
        quats.append(v["quats"][i] / np.sqrt(sum(part**2 for part in v["quats"][i])))
        scales.append([np.exp(part) for part in v["scales"][i]])
        opacities.append(1 / (1 + np.exp(-v["opacities"][i][0])))
        sh.append([dc[i], *rest[i]])
    return Gaussians(*(np.array(part, np.float32) for part in (means, quats, scales, opacities, sh)))


def assert_same(made, wanted):
    for name, value in vars(wanted).items():
        np.testing.assert_allclose(getattr(made, name), value, rtol=2e-5, atol=2e-6, err_msg=name)
