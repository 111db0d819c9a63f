"""Checkpoints come back as they were, and say what is wrong with others."""

import json
from dataclasses import asdict

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from safetensors.torch import load_file, save_file  # noqa: E402

from simscale_gym.errors import DataError  # noqa: E402
from simscale_gym.planners import load_planner, save_planner  # noqa: E402
from simscale_gym.planners.checkpoint import checkpoint_head  # noqa: E402


@pytest.fixture
def saved(small_planner, tmp_path):
    save_planner(tmp_path / "planner.safetensors", small_planner, {"step": 7})
    return tmp_path / "planner.safetensors"


def rewritten(path, weights=None, **changes):
    """The file with other weights, or another head."""
    head = {**checkpoint_head(path), **changes}
    save_file(weights or load_file(path), path, {"simscale_gym": json.dumps(head)})
    return path


def test_it_comes_back_as_it_was(saved, small_planner, random_batch):
    planner = load_planner(saved)
    assert planner.config == small_planner.config and not planner.training
    inputs = random_batch["pictures"], random_batch["status"]
    assert torch.equal(planner(*inputs)["plan"], small_planner.eval()(*inputs)["plan"])
    assert checkpoint_head(saved)["about"] == {"step": 7}


def test_no_file(tmp_path):
    with pytest.raises(DataError, match=r"found no such file.*planner\.safetensors of a finished training"):
        load_planner(tmp_path / "nothing.safetensors")


@pytest.mark.parametrize("content", [b"", b"no checkpoint" * 9], ids=["empty", "text"])
def test_no_checkpoint(tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(DataError, match="expected a planner's checkpoint"):
        load_planner(tmp_path / "file")


def test_a_file_that_is_cut(saved):
    saved.write_bytes(saved.read_bytes()[:-100])
    with pytest.raises(DataError, match="expected a planner's checkpoint"):
        load_planner(saved)


def test_weights_of_something_else(saved):
    save_file({"a": torch.zeros(2)}, saved)
    with pytest.raises(DataError, match="expected a planner's checkpoint"):
        load_planner(saved)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, "format: found 2, expected 1"),
        ({"family": "oracle"}, "family: found 'oracle', expected one of regression"),
        ({"family": "ego_status"}, "config: found .*is unknown"),
        ({"config": {"trajectory_weight": "many"}}, "config: found .*expected a number"),
        ({"config": None}, "config: found"),
    ],
    ids=["format", "family", "config of another", "text for a number", "no config"],
)
def test_heads_that_say_something_else(saved, changes, message):
    with pytest.raises(DataError, match=message):
        load_planner(rewritten(saved, **changes))


def test_another_size(saved, small_config):
    wide = asdict(small_config)
    wide["backbone"]["attention"] = {"width": 32, "heads": 2, "hidden": 32}
    with pytest.raises(DataError, match=r"found \(.*\), expected \(.*\)"):
        load_planner(rewritten(saved, config=wide))


def test_weights_that_are_missing_or_broken(saved):
    weights = load_file(saved)
    lost = {name: value for name, value in weights.items() if name != "backbone.queries"}
    with pytest.raises(DataError, match="queries: found none, expected"):
        load_planner(rewritten(saved, lost))
    weights["backbone.queries"][0, 0] = float("nan")
    with pytest.raises(DataError, match="queries: found values that are not finite"):
        load_planner(rewritten(saved, weights))
