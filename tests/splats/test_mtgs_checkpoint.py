"""MTGS checkpoints by value."""

import numpy as np
import pytest
import torch_zip
from damage import check_damage
from node_scenes import assert_same, meaning, raw_node

from simscale_gym.errors import ArgumentError, DataError
from simscale_gym.splats.checkpoints.mtgs import read_mtgs

TRACK = "9a0c5f1be0e6590b"


def scene(seed=0):
    """Raw tensors by node, and the checkpoint that holds them."""
    rng = np.random.default_rng(seed)
    raw = {
        "skybox": raw_node(rng, 4, traversals=2),
        "background": raw_node(rng, 6, traversals=2),
        f"rigid_object_{TRACK}": raw_node(rng, 3),
        "rigid_object_parked": raw_node(rng, 2),
        "deformable_node_walker": raw_node(rng, 2),
    }
    state = {
        f"_model.gaussian_models.{name}.gauss_params.{key}": value
        for name, tensors in raw.items()
        for key, value in tensors.items()
    }
    places = rng.normal(size=(3, 3)).astype(np.float32)
    places[0, 2] = 100000.0
    quats = np.tile(np.float32([0, 0, 0, 3]), (3, 1))
    state[f"_model.gaussian_models.rigid_object_{TRACK}.instance_quats"] = quats
    state[f"_model.gaussian_models.rigid_object_{TRACK}.instance_trans"] = places
    state["_model.gaussian_models.rigid_object_parked.instance_quats"] = np.float32([1, 0, 0, 0])
    state["_model.gaussian_models.rigid_object_parked.instance_trans"] = np.float32([1, 2, 3])
    state["_model.gaussian_models.deformable_node_walker.instance_quats"] = quats
    state["_model.gaussian_models.deformable_node_walker.instance_trans"] = places
    state["_model.gaussian_models.deformable_node_walker.instances_embedding"] = np.ones((1, 16), np.float32)
    weight = rng.normal(size=(3, 4)).astype(np.float32)
    state["_model.gaussian_models.deformable_node_walker.deform_network.linear.0.weight"] = weight
    exposure = rng.normal(size=(7, 3, 4)).astype(np.float32)
    state["_model.appearance_model.exposure_factor"] = exposure
    state["_model.camera_optimizer.pose_adjustment"] = np.zeros((7, 6), np.float32)
    state["_model.device_indicator_param"] = np.zeros(0, np.float32)
    tree = {
        "step": 30000,
        "pipeline": state,
        "optimizers": {"a": {"state": {0: {"step": 1.0}}}},
        "schedulers": {},
    }
    return raw, tree, places, exposure, weight


def test_every_node_by_value(tmp_path):
    raw, tree, places, exposure, weight = scene()
    torch_zip.checkpoint(tmp_path / "step-000030000.ckpt", tree)
    nodes = {node.name: node for node in read_mtgs(tmp_path / "step-000030000.ckpt")}
    assert next(iter(nodes)) == "background" and set(nodes) == set(raw)
    kinds = {name: node.kind for name, node in nodes.items()}
    assert kinds["background"] == "background" and kinds["skybox"] == "sky"
    assert kinds[f"rigid_object_{TRACK}"] == "rigid" and kinds["deformable_node_walker"] == "deformable"
    for name in ("background", "skybox"):
        dc = raw[name]["features_dc"] + raw[name]["features_adapters"].mean(1)
        assert_same(nodes[name].gaussians, meaning(raw[name], dc=dc, rest=raw[name]["features_rest"].mean(1)))
        assert nodes[name].poses is None and nodes[name].sh_degree == 3
    for name in (f"rigid_object_{TRACK}", "rigid_object_parked", "deformable_node_walker"):
        assert_same(nodes[name].gaussians, meaning(raw[name]))
    poses = nodes[f"rigid_object_{TRACK}"].poses
    assert poses.valid.tolist() == [False, True, True] and poses.timestamps_us is None
    np.testing.assert_array_equal(poses.translations[1:], places[1:])
    np.testing.assert_array_equal(poses.quats[1:], [[0, 0, 0, 1]] * 2)
    assert nodes["rigid_object_parked"].poses.is_static
    walker = nodes["deformable_node_walker"].parameters
    np.testing.assert_array_equal(walker["deform_network.linear.0.weight"], weight)
    assert walker["instances_embedding"].shape == (1, 16)
    rgb = np.array([0.2, 0.5, 0.7])
    for made, trained in zip(nodes["background"].exposure, exposure, strict=True):
        np.testing.assert_allclose(
            made[:, :3] @ rgb + made[:, 3], rgb @ trained[:3, :3] + trained[:3, 3], atol=1e-6
        )
    assert nodes["skybox"].exposure is None


def test_one_traversal(tmp_path):
    raw, tree, *_ = scene()
    torch_zip.checkpoint(tmp_path / "a.ckpt", tree)
    made = {node.name: node for node in read_mtgs(tmp_path / "a.ckpt", traversal=1)}["skybox"].gaussians
    sky = raw["skybox"]
    dc = sky["features_dc"] + sky["features_adapters"][:, 1]
    assert_same(made, meaning(sky, dc=dc, rest=sky["features_rest"][:, 1]))
    with pytest.raises(ArgumentError, match=r"traversal is 2, expected 0\.\.1"):
        read_mtgs(tmp_path / "a.ckpt", traversal=2)


def test_pytorch_writes_what_is_read(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    raw, tree, *_ = scene()
    tree["pipeline"] = {
        key: torch.nn.Parameter(torch.from_numpy(value)) for key, value in tree["pipeline"].items()
    }
    torch.save(tree, tmp_path / "a.ckpt")
    made = {node.name: node for node in read_mtgs(tmp_path / "a.ckpt")}
    assert_same(made["rigid_object_parked"].gaussians, meaning(raw["rigid_object_parked"]))


NODE = "_model.gaussian_models.{}.gauss_params.{}"


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda state: state.clear(), "no key gaussian_models"),
        (lambda state: state.pop(NODE.format("skybox", "quats")), r"quats: found no such key"),
        (lambda state: state.update({NODE.format("tree", "means"): np.zeros((1, 3))}), "found tree"),
        (lambda state: state.update({"x" + NODE.format("a", "means"): np.zeros((1, 3))}), "two models"),
        (
            lambda state: state.update({"_model.appearance_model.exposure_factor": np.zeros((7, 6))}),
            "exposure",
        ),
    ],
)
def test_other_contents_are_named(tmp_path, edit, message):
    tree = scene()[1]
    edit(tree["pipeline"])
    torch_zip.checkpoint(tmp_path / "a.ckpt", tree)
    with pytest.raises(DataError, match=message):
        read_mtgs(tmp_path / "a.ckpt")


def test_damage(tmp_path):
    torch_zip.checkpoint(tmp_path / "a.ckpt", scene()[1])
    check_damage(read_mtgs, tmp_path / "b.ckpt", (tmp_path / "a.ckpt").read_bytes(), rounds=60)


@pytest.mark.parametrize("part", [torch_zip.with_other_pickle, torch_zip.with_other_numbers])
def test_damage_of_one_part(tmp_path, part):
    reader, whole = part(read_mtgs, scene()[1])
    check_damage(reader, tmp_path / "b.ckpt", whole, rounds=30)
