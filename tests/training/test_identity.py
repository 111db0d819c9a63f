"""What stands for a training: its settings and what its data sets hold, wherever those lie and it runs."""

from dataclasses import replace

import pytest
from made_up_set import MadeUpSet, made_up_samples

pytest.importorskip("torch")
pytest.importorskip("lightning")

from simscale_gym.errors import ArgumentError
from simscale_gym.training import TrainConfig, train
from simscale_gym.training.identity import training_digest

SETTINGS = {"preset": "mini", "real": ("real",), "sim": ("sim",), "steps": 2, "batch_size": 4}


def test_folders_and_machines_do_not_count_and_contents_do(data_sets):
    config = TrainConfig(**SETTINGS)
    data_sets["moved"] = data_sets["real"]
    assert training_digest(replace(config, real=("moved",), accelerator="cpu")) == training_digest(config)
    data_sets["real"] = MadeUpSet(made_up_samples(20))
    assert training_digest(replace(config, real=("moved",))) != training_digest(config)


@pytest.mark.parametrize("change", [{"seed": 1}, {"sim": ()}, {"steps": 3}, {"sim_label": "log"}])
def test_every_other_setting_counts(data_sets, change):
    assert training_digest(TrainConfig(**(SETTINGS | change))) != training_digest(TrainConfig(**SETTINGS))


def test_a_training_goes_on_with_the_same_samples_alone(data_sets, mini, tmp_path):
    config, data_sets["moved"] = TrainConfig(**SETTINGS), data_sets["real"]
    result = train(config, tmp_path, progress=False)
    assert train(replace(config, real=("moved",)), tmp_path, progress=False) == result
    data_sets["real"] = MadeUpSet(made_up_samples(20))
    with pytest.raises(ArgumentError, match=r"began with real=\['log-24'\], now \['log-20'\]"):
        train(config, tmp_path, progress=False)
