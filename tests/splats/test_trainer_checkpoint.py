"""Checkpoints of gsplat's trainer through `Gaussians.load`."""

import numpy as np
import pytest
import torch_zip
from damage import check_damage
from random_scenes import random_gaussians

from simscale_gym.errors import DataError
from simscale_gym.splats.formats.activation import log_scales, opacity_logits
from simscale_gym.splats.gaussians import Gaussians


def some(terms=16):
    rng = np.random.default_rng(4)
    return random_gaussians(rng, (-9, -9, -9), (9, 9, 9), (0.01, 2), count=6, terms=terms)


def raw(gaussians):
    """What the trainer keeps of them; quaternions of any length."""
    return {
        "means": gaussians.means,
        "scales": log_scales(gaussians),
        "quats": gaussians.quats * np.float32(2.5),
        "opacities": opacity_logits(gaussians),
        "sh0": gaussians.sh[:, :1],
        "shN": gaussians.sh[:, 1:],
    }


def assert_close(made, wanted):
    for name, value in vars(wanted).items():
        np.testing.assert_allclose(getattr(made, name), value, rtol=3e-6, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("terms", [1, 4, 9, 16])
@pytest.mark.parametrize("suffix", [".pt", ".ckpt", ".pth", ".npz"])
def test_values_come_through_whatever_the_suffix(tmp_path, terms, suffix):
    path = tmp_path / f"ckpt_29999_rank0{suffix}"
    torch_zip.checkpoint(path, {"step": 29999, "splats": raw(some(terms))})
    assert_close(Gaussians.load(path), some(terms))


def test_pytorch_writes_what_is_read(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    tensors = {name: torch.nn.Parameter(torch.from_numpy(value)) for name, value in raw(some()).items()}
    splats = torch.nn.ParameterDict(tensors)
    torch.save({"step": 1, "splats": splats.state_dict()}, tmp_path / "a.pt")
    assert_close(Gaussians.load(tmp_path / "a.pt"), some())


def change(name, value):
    def apply(tree):
        if value is None:
            del tree["splats"][name]
        else:
            tree["splats"][name] = value

    return apply


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (change("means", None), r"splats\.means: found no such key"),
        (change("means", np.zeros((6, 2), np.float32)), r"splats\.means: found shape \(6, 2\)"),
        (change("quats", np.zeros((5, 4), np.float32)), r"splats\.quats: found shape \(5, 4\)"),
        (change("quats", np.zeros((6, 4), np.float32)), r"splats\.quats\[0\].*not zero"),
        (change("scales", np.full((6, 3), np.inf, np.float32)), r"splats\.scales\[0\]"),
        (change("shN", np.zeros((6, 24, 3), np.float32)), r"splats\.shN: found shape \(6, 24, 3\)"),
        (change("opacities", [1.0]), r"splats\.opacities: found list"),
        (change("sh0", None), r"splats\.sh0: found no such key"),
        (lambda tree: tree.pop("splats"), "found a dictionary with the keys step.*read_mtgs"),
        (lambda tree: tree.update(splats=[1]), "splats: found list"),
    ],
)
def test_other_contents_are_named(tmp_path, edit, message):
    tree = {"step": 1, "splats": raw(some())}
    edit(tree)
    torch_zip.checkpoint(tmp_path / "a.pt", tree)
    with pytest.raises(DataError, match=message):
        Gaussians.load(tmp_path / "a.pt")


def test_an_appearance_network_is_named(tmp_path):
    splats = {
        **raw(some()),
        "features": np.zeros((6, 32), np.float32),
        "colors": np.zeros((6, 3), np.float32),
    }
    del splats["sh0"], splats["shN"]
    torch_zip.checkpoint(tmp_path / "a.pt", {"splats": splats})
    with pytest.raises(DataError, match="appearance network"):
        Gaussians.load(tmp_path / "a.pt")


def test_damage(tmp_path):
    torch_zip.checkpoint(tmp_path / "a.pt", {"step": 1, "splats": raw(some(4))})
    check_damage(Gaussians.load, tmp_path / "b.pt", (tmp_path / "a.pt").read_bytes())
