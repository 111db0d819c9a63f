"""Clips of a log are kept where the human masters them and keeping on does not."""

from dataclasses import replace

import numpy as np
import pytest

from simscale_gym.agents import ConstantVelocityAgent, make_traffic
from simscale_gym.agents.agent import dense_plan
from simscale_gym.datagen import DataSpec, write_data_set
from simscale_gym.datagen.challenge import LEAST_HUMAN, MOST_CONSTANT, why_unchallenging
from simscale_gym.datagen.drives import log_drives
from simscale_gym.errors import ArgumentError
from simscale_gym.evaluation.plan_score import yardstick
from simscale_gym.evaluation.queries import NOW, Query
from simscale_gym.sim import start
from simscale_gym.sources import list_scenes, load_scene

_TURNS, _THEN_STRAIGHT = 45, 105  # frames of the scene


@pytest.fixture(scope="module")
def scene(town_cache):
    return load_scene(list_scenes("town", "train")[4])


def test_clips_are_judged_as_an_evaluation_judges_constant_velocity(scene):
    traffic, reasons = make_traffic("log"), []
    for drive in log_drives(scene, range(15, 160, 30), 40):
        moment = Query("", 0, -1, NOW, (start(scene, traffic, drive.frame),))
        ahead = ConstantVelocityAgent().act({"ego": drive.present.ego[3:5]})
        constant = yardstick(scene, moment, traffic).drive(dense_plan(ahead)).scores.total[0]
        assert drive.label.total[0] >= LEAST_HUMAN
        reasons.append(why_unchallenging(scene, drive))
        assert reasons[-1] == ("too easy" if constant > MOST_CONSTANT else ""), (drive.frame, constant)
    assert len(set(reasons)) == 2


def test_a_human_who_fails_is_no_teacher(scene):
    (drive,) = log_drives(scene, [_TURNS], 40)
    failed = replace(drive.label, dac=np.zeros(1))
    assert why_unchallenging(scene, drive) == ""
    assert why_unchallenging(scene, replace(drive, label=failed)) == "human fails"


def test_a_data_set_holds_the_challenging_clips_and_counts_the_others(
    log_spec, one_renderer_per_scene, scene, tmp_path
):
    spec = replace(log_spec, challenging=True, clips=None, stride=(_THEN_STRAIGHT - _TURNS) / 10)
    frames = [k for k in spec.frames(scene) if not why_unchallenging(scene, *log_drives(scene, [k], 40))]
    (report,) = write_data_set(tmp_path / "a", spec, scenes=[scene], workers=1)
    flow = report.head.telemetry.flow("challenge", expert="log")
    assert 0 < report.samples == len(frames) == flow.passed < flow.entered == len(spec.frames(scene))
    assert flow.rejected == {"too easy": flow.entered - flow.passed}


def test_only_logs_are_filtered_so(log_spec):
    with pytest.raises(ArgumentError, match="challenging: True for kind 'perturbed'"):
        replace(log_spec, kind="perturbed", challenging=True)


def test_a_spec_of_before_there_was_this_filter_is_read(log_spec):
    plain = log_spec.plain()
    del plain["challenging"]
    assert DataSpec.from_plain(plain) == log_spec
    with pytest.raises(ArgumentError, match=r"spec: unknown \['hard'\]"):
        DataSpec.from_plain(plain | {"hard": True})
