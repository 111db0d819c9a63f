"""WorldEngine assets by value."""

import numpy as np
import pytest
import torch_zip
from damage import check_damage
from node_scenes import assert_same, meaning, raw_node

from simscale_gym.errors import DataError
from simscale_gym.splats.checkpoints.node_fields import mirrored
from simscale_gym.splats.checkpoints.worldengine import read_worldengine

START = 1_630_000_000_000_000


def scene(seed=0):
    """Raw tensors by node, and the asset that holds them."""
    rng = np.random.default_rng(seed)
    names = ["skybox", "background", "rigid_object_a", "rigid_object_b", "rigid_object_c"]
    raw = {name: raw_node(rng, 4) for name in names}
    models = ["SkyboxGaussianSplatting", "VanillaGaussianSplatting", "Rigid", "MirroredRigid", "Rigid"]
    kinds = dict(zip(names, models, strict=True))
    tree = {}
    for name in names:
        model = kinds[name] + ("Model" if "Splatting" in kinds[name] else "SubModel")
        config = {"type": model, "sh_degree": 3, "scale_dim": 3}
        tree[name] = {"config": config, "state_dict": {f"gauss_params.{k}": v for k, v in raw[name].items()}}
    tree["background"]["config"]["recon2world_translation"] = (664000.5, 3998000.25, 12.0)
    tree["skybox"]["config"].update(skybox_radius=1000.0, skybox_type="dome", skybox_scale_factor=None)
    tree["skybox"]["state_dict"] = {"gauss_params": raw["skybox"]}
    places = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 100000.0]], np.float32)
    for name in ("rigid_object_a", "rigid_object_b"):
        tree[name]["config"].update(
            fourier_features_dim=None, fourier_features_scale=1, fourier_in_space="temporal"
        )
        tree[name]["config"]["log_timestamps"] = START + np.arange(3) * 50_000
        tree[name]["state_dict"]["instance_quats"] = np.tile(np.float32([2, 0, 0, 0]), (3, 1))
        tree[name]["state_dict"]["instance_trans"] = places
    tree["rigid_object_c"]["state_dict"]["instance_quats"] = np.float32([0, 1, 0, 0])
    tree["rigid_object_c"]["state_dict"]["instance_trans"] = np.float32([1, 2, 3])
    tree["rigid_object_c"]["config"]["scale_dim"] = 1
    tree["rigid_object_c"]["state_dict"]["gauss_params.scales"] = raw["rigid_object_c"]["scales"][:, :1]
    return raw, tree, places


def written(folder, tree):
    (folder / "background").mkdir()
    torch_zip.checkpoint(folder / "background" / "asset.ckpt", tree)
    return folder


def test_every_node_by_value(tmp_path):
    raw, tree, places = scene()
    nodes = {node.name: node for node in read_worldengine(written(tmp_path, tree))}
    assert next(iter(nodes)) == "background" and set(nodes) == set(raw)
    kinds = [nodes[name].kind for name in raw]
    assert kinds == ["sky", "background", "rigid", "mirrored", "rigid"]
    for name in ("background", "skybox", "rigid_object_a"):
        assert_same(nodes[name].gaussians, meaning(raw[name]))
    assert_same(nodes["rigid_object_b"].gaussians, mirrored(meaning(raw["rigid_object_b"])))
    placed = nodes["background"].recon_to_world
    np.testing.assert_array_equal(placed[:3, 3], [664000.5, 3998000.25, 12.0])
    np.testing.assert_array_equal(placed[:3, :3], np.eye(3))
    poses = nodes["rigid_object_a"].poses
    assert poses.timestamps_us.tolist() == [START, START + 50_000, START + 100_000]
    assert poses.timestamps_us.dtype == np.int64 and poses.valid.tolist() == [True, True, False]
    np.testing.assert_array_equal(poses.translations[:2], places[:2])
    sphere = nodes["rigid_object_c"]
    assert sphere.poses.is_static
    wanted = np.exp(raw["rigid_object_c"]["scales"][:, :1]).repeat(3, 1)
    np.testing.assert_allclose(sphere.gaussians.scales, wanted, rtol=1e-6)
    np.testing.assert_array_equal(sphere.gaussians.quats, [[1, 0, 0, 0]] * 4)


def test_the_file_itself_will_do(tmp_path):
    written(tmp_path, scene()[1])
    assert len(read_worldengine(tmp_path / "background" / "asset.ckpt")) == 5


def test_pytorch_writes_what_is_read(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    raw, tree, _ = scene()

    def tensors(value):
        if isinstance(value, dict):
            return {key: tensors(item) for key, item in value.items()}
        return torch.from_numpy(value) if isinstance(value, np.ndarray) else value

    torch.save(tensors(tree), tmp_path / "a.ckpt")
    made = {node.name: node for node in read_worldengine(tmp_path / "a.ckpt")}
    assert_same(made["background"].gaussians, meaning(raw["background"]))
    assert made["rigid_object_a"].poses.timestamps_us[0] == START


def config(name, **values):
    return lambda tree: tree[name]["config"].update(values)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda tree: tree.pop("background"), "found the keys skybox"),
        (config("background", type="NeRF"), r"background\.config\.type: found 'NeRF'"),
        (config("background", type=["x"]), r"background\.config\.type"),
        (config("background", sh_degree=9), r"sh_degree: found 9"),
        (config("background", recon2world_translation=(1, 2)), "recon2world_translation"),
        (config("background", recon2world_translation=(1, 2, float("nan"))), "recon2world_translation"),
        (config("rigid_object_a", log_timestamps=np.arange(2)), "2 timestamps for 3 poses"),
        (config("rigid_object_a", log_timestamps=np.array([3, 2, 1])), "log_timestamps"),
        (lambda tree: tree["skybox"].pop("state_dict"), r"skybox\.state_dict: found no such key"),
    ],
)
def test_other_contents_are_named(tmp_path, edit, message):
    tree = scene()[1]
    edit(tree)
    torch_zip.checkpoint(tmp_path / "a.ckpt", tree)
    with pytest.raises(DataError, match=message):
        read_worldengine(tmp_path / "a.ckpt")


def test_a_folder_without_an_asset(tmp_path):
    with pytest.raises(DataError, match=r"background: found 0 files"):
        read_worldengine(tmp_path)
    with pytest.raises(DataError, match="no file"):
        read_worldengine(tmp_path / "none.ckpt")


def test_damage(tmp_path):
    torch_zip.checkpoint(tmp_path / "a.ckpt", scene()[1])
    check_damage(read_worldengine, tmp_path / "b.ckpt", (tmp_path / "a.ckpt").read_bytes(), rounds=60)


@pytest.mark.parametrize("part", [torch_zip.with_other_pickle, torch_zip.with_other_numbers])
def test_damage_of_one_part(tmp_path, part):
    reader, whole = part(read_worldengine, scene()[1])
    check_damage(reader, tmp_path / "b.ckpt", whole, rounds=30)
