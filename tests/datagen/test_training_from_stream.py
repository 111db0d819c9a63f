"""Trainings whose simulated samples are made while they run: mixed as told, resumable, of the recorded scenes alone."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")
pytest.importorskip("torchdata.stateful_dataloader")

from simscale_gym.errors import ArgumentError  # noqa: E402
from simscale_gym.planners import FAMILIES, BackboneConfig, InputSpec, RegressionConfig, load_planner  # noqa: E402
from simscale_gym.planners.bird_view import AttentionConfig  # noqa: E402
from simscale_gym.planners.image_encoder import ResNetConfig  # noqa: E402
from simscale_gym.training import TrainConfig, loop, train  # noqa: E402
from simscale_gym.training.lesson_stream import LessonStream  # noqa: E402
from simscale_gym.training.order import recorded_before  # noqa: E402


@pytest.fixture
def settings(log_written, one_renderer_per_scene, monkeypatch):
    """``settings(**changes)``: two simulated samples for each recorded one."""
    torch.set_num_threads(1)
    backbone = BackboneConfig(
        ResNetConfig((8, 16), (1, 1)), AttentionConfig(16, 2, 32), grid=(1, 2), decoder_layers=1, vehicles=4,
        map_stride=16,
    )  # fmt: skip
    config = RegressionConfig(InputSpec(("cam_f0",)), backbone)
    monkeypatch.setitem(FAMILIES["regression"].presets, "mini", config)
    plain = {
        "preset": "mini", "real": (str(log_written),), "stream": ("planner",), "stream_workers": 0, "sim_ratio": 2.0,
        "steps": 4, "batch_size": 4, "val_every": 2,
    }  # fmt: skip
    return lambda **changes: TrainConfig(**(plain | changes))


def test_what_was_broken_off_ends_in_the_same_planner(settings, tmp_path, monkeypatch):
    """Batches and weights; half of a step's samples are taken when it is broken off."""
    seen = []
    batch_of = loop._Training._batch

    def noted(self, step):
        batch, whole = batch_of(self, step)
        seen.append((step, batch["is_sim"].tolist(), batch["target"].numpy().tobytes()))
        return batch, whole

    monkeypatch.setattr(loop._Training, "_batch", noted)
    whole = train(settings(), tmp_path / "whole", progress=False)
    before, seen[:] = list(seen), []
    take = LessonStream.take

    def killed(self, count, device):
        take(self, count - 1, device)
        if len(seen) == 3:
            raise KeyboardInterrupt
        raise AssertionError("taken too early")

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(
            LessonStream, "take", lambda self, *told: (killed if len(seen) == 3 else take)(self, *told)
        )
        train(settings(), tmp_path / "broken", progress=False)
    seen[:] = [item for item in seen if item[0] < 2]  # the state is that of the last validation
    assert {**train(settings(), tmp_path / "broken", progress=False), "seconds": 0} == {**whole, "seconds": 0}
    assert seen == before
    ours, theirs = (
        load_planner(tmp_path / name / "planner.safetensors").state_dict() for name in ("whole", "broken")
    )
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())
    simulated = [is_sim for _, flags, _ in before for is_sim in flags]
    assert sum(simulated) == whole["sim"] == 16 - recorded_before(16, 2.0) == 11
    assert len({target for *_, target in before}) == len(before)


def test_settings_that_do_not_fit_are_named(settings):
    for changes, named in (
        ({"sim": ("folder",)}, "stream: with 1 recorded and 1 simulated sets"),
        ({"real": ()}, "no data set to train on"),
        ({"sim_ratio": None}, "sim_ratio: None with stream"),
        ({"devices": 2}, "devices: 2 with stream"),
        ({"stream_workers": -1}, "stream_workers: -1"),
    ):
        with pytest.raises(ArgumentError, match=named):
            settings(**changes)


def test_another_vocabulary_is_refused(settings):
    told = (settings(), {"any"}, InputSpec(("cam_f0",), (9, 16)), 16, np.zeros((5, 40, 3)))
    with pytest.raises(ArgumentError, match="would score 0 trajectories that are not the 5"):
        LessonStream(*told)


def test_recorded_samples_are_spread_evenly():
    for ratio in (0.25, 1.0, 2.0, 4.0):
        counts = [recorded_before(place, ratio) for place in range(1000)]
        assert set(np.diff(counts)) == {0, 1} and abs(counts[-1] - 999 / (1 + ratio)) < 1
