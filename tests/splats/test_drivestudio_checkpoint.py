"""drivestudio checkpoints by value."""

import numpy as np
import pytest
import torch_zip
from damage import check_damage
from node_scenes import assert_same, meaning, raw_node

from simscale_gym.errors import DataError
from simscale_gym.splats.drivestudio_checkpoint import read_drivestudio


def scene(seed=0):
    rng = np.random.default_rng(seed)
    models = {
        "Background": raw_node(rng, 5, prefix="_"),
        "RigidNodes": raw_node(rng, 6, prefix="_"),
        "DeformableNodes": raw_node(rng, 3, prefix="_"),
        "SMPLNodes": raw_node(rng, 4, terms=4, prefix="_"),
    }
    raw = {name: dict(values) for name, values in models.items()}
    ids = {"RigidNodes": [2, 0, 2, 0, 2, 2], "DeformableNodes": [0, 0, 0], "SMPLNodes": [1, 1, 0, 0]}
    for name, owner in ids.items():
        count = {"RigidNodes": 3, "DeformableNodes": 1, "SMPLNodes": 2}[name]
        valid = np.ones((4, count), bool)
        valid[0] = False
        quats = rng.normal(size=(4, count, 4)).astype(np.float32)
        quats[0] = 0
        models[name]["points_ids"] = np.array(owner)[:, None]
        models[name]["instances_fv"] = valid
        models[name]["instances_size"] = rng.uniform(1, 5, (count, 3)).astype(np.float32)
        models[name]["instances_quats"] = quats[:, :, None] if name == "SMPLNodes" else quats
        models[name]["instances_trans"] = rng.normal(size=(4, count, 3)).astype(np.float32)
    models["DeformableNodes"]["instances_embedding"] = rng.normal(size=(1, 8)).astype(np.float32)
    models["DeformableNodes"]["deform_network.linear.0.weight"] = np.ones((2, 3), np.float32)
    models["SMPLNodes"]["smpl_qauts"] = rng.normal(size=(4, 2, 23, 4)).astype(np.float32)
    models["Sky"] = {"base": rng.uniform(size=(6, 4, 4, 3)).astype(np.float32)}
    models["Affine"] = {
        "embedding.weight": rng.normal(size=(7, 4)).astype(np.float32),
        "decoder.0.weight": rng.normal(size=(64, 4)).astype(np.float32),
        "decoder.0.bias": rng.normal(size=64).astype(np.float32),
        "decoder.2.weight": rng.normal(size=(12, 64)).astype(np.float32),
        "decoder.2.bias": rng.normal(size=12).astype(np.float32),
    }
    models["CamPose"] = {"embeds.weight": np.zeros((7, 9), np.float32)}
    return raw, {"step": 30000, "models": models, "aabb": np.zeros((2, 3), np.float32)}, ids


def test_every_node_by_value(tmp_path):
    raw, tree, ids = scene()
    torch_zip.checkpoint(tmp_path / "checkpoint_final.pth", tree)
    nodes = {node.name: node for node in read_drivestudio(tmp_path / "checkpoint_final.pth")}
    names = [
        "Background",
        "Sky",
        "RigidNodes_0",
        "RigidNodes_2",
        "DeformableNodes_0",
        "SMPLNodes_0",
        "SMPLNodes_1",
    ]
    assert list(nodes) == names
    assert [nodes[name].kind for name in names] == ["background", "sky", *["rigid"] * 2, *["deformable"] * 3]
    assert_same(nodes["Background"].gaussians, meaning(raw["Background"], "_"))
    for name in names[2:]:
        model, index = name.rsplit("_", 1)
        values, node = tree["models"][model], nodes[name]
        whole = meaning(raw[model], "_")
        assert_same(node.gaussians, whole.subset(np.array(ids[model]) == int(index)))
        np.testing.assert_array_equal(node.poses.valid, [False, True, True, True])
        np.testing.assert_array_equal(node.poses.translations[1:], values["instances_trans"][1:, int(index)])
        quats = values["instances_quats"].reshape(4, -1, 4)[1:, int(index)].astype(float)
        np.testing.assert_allclose(node.poses.quats[1:], quats / np.sqrt((quats**2).sum(1, keepdims=True)))
        np.testing.assert_array_equal(node.size, values["instances_size"][int(index)])
    walker, person = nodes["DeformableNodes_0"].parameters, nodes["SMPLNodes_1"].parameters
    np.testing.assert_array_equal(
        walker["instances_embedding"], tree["models"]["DeformableNodes"]["instances_embedding"][0]
    )
    assert walker["deform_network.linear.0.weight"].shape == (2, 3)
    np.testing.assert_array_equal(person["smpl_quats"], tree["models"]["SMPLNodes"]["smpl_qauts"][:, 1])
    sky = nodes["Sky"]
    assert sky.gaussians is None and sky.sh_degree == 0 and nodes["SMPLNodes_1"].sh_degree == 1
    np.testing.assert_array_equal(sky.cube_map, tree["models"]["Sky"]["base"])


def test_exposure_is_what_the_network_gives(tmp_path):
    _, tree, _ = scene()
    torch_zip.checkpoint(tmp_path / "a.pth", tree)
    made = read_drivestudio(tmp_path / "a.pth")[0].exposure
    net = {key: value.astype(np.float64) for key, value in tree["models"]["Affine"].items()}
    for image, embedding in enumerate(net["embedding.weight"]):
        hidden = [
            max(0.0, row @ embedding + b)
            for row, b in zip(net["decoder.0.weight"], net["decoder.0.bias"], strict=True)
        ]
        affine = (net["decoder.2.weight"] @ hidden + net["decoder.2.bias"]).reshape(3, 4)
        affine[:, :3] += np.eye(3)
        np.testing.assert_allclose(made[image], affine, rtol=1e-4, atol=1e-4)


def test_parts_may_be_absent(tmp_path):
    raw, tree, _ = scene()
    tree["models"] = {"Background": tree["models"]["Background"]}
    torch_zip.checkpoint(tmp_path / "a.pth", tree)
    (node,) = read_drivestudio(tmp_path / "a.pth")
    assert node.exposure is None
    assert_same(node.gaussians, meaning(raw["Background"], "_"))


def model(name, **values):
    return lambda models: models[name].update(values)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda models: models.pop("Background"), r"models\.Background: found no such key"),
        (lambda models: models["Background"].pop("_quats"), "quats: found no such key"),
        (model("RigidNodes", points_ids=np.full((6, 1), 3)), r"points_ids: found 3\.\.3, expected 0\.\.2"),
        (model("RigidNodes", points_ids=np.full((6, 1), -1)), r"points_ids: found -1"),
        (model("RigidNodes", instances_fv=np.ones((4, 3), bool)), r"poses\[0\]"),
        (model("RigidNodes", instances_trans=np.ones((4, 2, 3))), "instances_trans: found shape"),
        (model("Sky", base=np.ones((6, 4, 5, 3))), "finite squares"),
        (model("Sky", base=np.full((6, 4, 4, 3), np.nan)), "finite squares"),
        (model("Affine", **{"decoder.2.weight": np.ones((9, 64))}), r"decoder\.2\.weight"),
    ],
)
def test_other_contents_are_named(tmp_path, edit, message):
    tree = scene()[1]
    edit(tree["models"])
    torch_zip.checkpoint(tmp_path / "a.pth", tree)
    with pytest.raises(DataError, match=message):
        read_drivestudio(tmp_path / "a.pth")


def test_damage(tmp_path):
    torch_zip.checkpoint(tmp_path / "a.ckpt", scene()[1])
    check_damage(read_drivestudio, tmp_path / "b.ckpt", (tmp_path / "a.ckpt").read_bytes(), rounds=60)


@pytest.mark.parametrize("part", [torch_zip.with_other_pickle, torch_zip.with_other_numbers])
def test_damage_of_one_part(tmp_path, part):
    reader, whole = part(read_drivestudio, scene()[1])
    check_damage(reader, tmp_path / "b.ckpt", whole, rounds=30)
