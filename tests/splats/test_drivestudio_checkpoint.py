"""drivestudio checkpoints by value."""

import numpy as np
import pytest
import torch_zip
from damage import check_damage
from node_scenes import assert_same, meaning, raw_node

from simscale_gym.errors import DataError
from simscale_gym.splats.checkpoints.drivestudio import read_drivestudio


def network(rng, embedding, width, layers, octaves):
    """A deformation network's weights, small enough to bend and not to scatter."""
    inputs, state = 4 * (1 + 2 * octaves) + embedding, {}
    for number in range(layers):
        wide = inputs if number == 0 else width + inputs if number == layers // 2 + 1 else width
        state[f"linear.{number}"] = (width, wide)
    state |= {"gaussian_warp": (3, width), "gaussian_rotation": (4, width)}
    return {
        f"deform_network.{name}.{kind}": rng.normal(0, 0.1, shape).astype(np.float32)
        for name, (out, wide) in state.items()
        for kind, shape in (("weight", (out, wide)), ("bias", (out,)))
    }


def body(rng, people, joints):
    """A body whose weights stand in a grid around it."""
    grid = rng.uniform(size=(people, joints, 2, 3, 4)).astype(np.float32)
    inverse = np.tile(np.eye(4, dtype=np.float32), (people, joints, 1, 1))
    inverse[:, :, :3, 3] = rng.normal(0, 0.1, (people, joints, 3))
    return {
        "template.J_canonical": rng.normal(size=(people, joints, 3)).astype(np.float32),
        "template.A0_inv": inverse,
        "template._template_layer.parents": np.arange(joints) - 1,
        "template.voxel_deformer.lbs_voxel_base": grid / grid.sum(1, keepdims=True),
        "template.voxel_deformer.voxel_w_correction": np.zeros_like(grid),
        "template.voxel_deformer.scale": np.full((people, 1, 1), 1.1, np.float32),
        "template.voxel_deformer.offset": np.zeros((people, 1, 3), np.float32),
        "template.voxel_deformer.ratio": np.array(4.0, np.float32),
    }


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
    models["DeformableNodes"] |= network(rng, embedding=8, width=6, layers=4, octaves=2)
    models["SMPLNodes"] |= body(rng, people=2, joints=4)
    models["SMPLNodes"]["smpl_qauts"] = rng.normal(size=(4, 2, 3, 4)).astype(np.float32)
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
        own = meaning(raw[model], "_").subset(np.array(ids[model]) == int(index))
        np.testing.assert_array_equal(node.poses.valid, [False, True, True, True])
        np.testing.assert_array_equal(node.size, values["instances_size"][int(index)])
        assert node.fixed_colors
        if model == "SMPLNodes":
            np.testing.assert_array_equal(node.gaussians.sh, own.sh)
            np.testing.assert_array_equal(node.shapes.frames, [1, 2, 3])
            pelvis = values["template.J_canonical"][int(index), 0]
            moved = values["instances_trans"][1:, int(index)].astype(float) + pelvis
            np.testing.assert_allclose(node.poses.translations[1:], moved)
            continue
        assert_same(node.gaussians, own)
        np.testing.assert_array_equal(node.poses.translations[1:], values["instances_trans"][1:, int(index)])
        quats = values["instances_quats"].reshape(4, -1, 4)[1:, int(index)].astype(float)
        np.testing.assert_allclose(node.poses.quats[1:], quats / np.sqrt((quats**2).sum(1, keepdims=True)))
        assert (node.shapes is None) == (model == "RigidNodes")
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


def test_nodes_are_bent_after_some_training_only(tmp_path):
    _, tree, _ = scene()
    torch_zip.checkpoint(tmp_path / "a.pth", tree | {"step": 3000})
    nodes = {node.name: node for node in read_drivestudio(tmp_path / "a.pth")}
    assert nodes["DeformableNodes_0"].shapes is None and nodes["SMPLNodes_0"].shapes is not None


def test_parts_may_be_absent(tmp_path):
    raw, tree, _ = scene()
    tree["models"] = {"Background": tree["models"]["Background"]}
    torch_zip.checkpoint(tmp_path / "a.pth", tree)
    (node,) = read_drivestudio(tmp_path / "a.pth")
    assert node.exposure is None
    assert_same(node.gaussians, meaning(raw["Background"], "_"))


def model(name, **values):
    return lambda models: models[name].update(values)


EXPOSURES = {
    "embedding.weight": np.zeros((6000, 1)),
    "decoder.0.weight": np.zeros((6000, 1)),
    "decoder.0.bias": np.zeros(6000),
    "decoder.2.weight": np.zeros((12, 6000)),
}


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
        (model("DeformableNodes", **{"deform_network.linear.0.weight": np.ones((6, 29))}), "multiple of 8"),
        (
            model("DeformableNodes", **{"deform_network.linear.3.weight": np.ones((6, 6))}),
            r"linear\.3\.weight",
        ),
        (
            model("DeformableNodes", **{"deform_network.gaussian_warp.bias": np.full(3, np.nan)}),
            "finite weights",
        ),
        (model("DeformableNodes", instances_size=np.zeros((1, 3))), r"instances_size\[0\]: found height 0"),
        (model("RigidNodes", instances_size=np.full((3, 3), np.nan)), "instances_size: found infinite"),
        (model("Affine", **EXPOSURES), r"decoder\.0\.weight: found 6000 images, 6000 hidden"),
        (model("SMPLNodes", smpl_qauts=np.ones((4, 2, 23, 4))), r"smpl_qauts: found rotations \(23, 4\)"),
        (model("SMPLNodes", **{"template._template_layer.parents": np.arange(4)}), "parents before children"),
        (model("SMPLNodes", **{"template.A0_inv": np.ones((2, 3, 4, 4))}), r"A0_inv: found shape"),
        (model("SMPLNodes", **{"template.J_canonical": np.full((2, 4, 3), np.inf)}), "finite numbers"),
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


def test_a_walker_who_is_never_there_has_no_shapes(tmp_path):
    tree = scene()[1]
    tree["models"]["DeformableNodes"]["instances_fv"][:] = False
    torch_zip.checkpoint(tmp_path / "a.pth", tree)
    nodes = {node.name: node for node in read_drivestudio(tmp_path / "a.pth")}
    assert nodes["DeformableNodes_0"].shapes is None
