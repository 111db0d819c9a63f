"""What a training set is made of."""

import pytest
from made_up_set import CAMERAS, SIZE

pytest.importorskip("torch")

from simscale_gym.errors import ArgumentError
from simscale_gym.planners import InputSpec
from simscale_gym.training import TrainConfig
from simscale_gym.training.selection import roads, select_samples

INPUTS = InputSpec(CAMERAS, SIZE)


def mix(**changes):
    return select_samples(
        TrainConfig(**({"real": ("real",), "sim": ("sim",), "val": ("val",)} | changes)), INPUTS
    )


def chosen(made, part=1):
    return set(made.train[part].indices)


def test_a_ratio_counts_simulated_samples_for_each_recorded_one(data_sets):
    assert [(mix(sim_ratio=ratio).real, mix(sim_ratio=ratio).sim) for ratio in (0.0, 0.5, 2.0)] == [
        (24, 0),
        (24, 12),
        (24, 48),
    ]
    assert mix().sim == 48


def test_larger_ratios_hold_the_smaller_ones(data_sets):
    assert chosen(mix(sim_ratio=0.5)) < chosen(mix(sim_ratio=1.0))
    assert chosen(mix(sim_ratio=1.0)) != chosen(mix(sim_ratio=1.0, seed=1))


def test_fewer_scenes_leave_their_simulated_samples_alone(data_sets):
    made = mix(scenes=2)
    scenes = {
        part: {part.data.rows["scene"].to_pylist()[index] for index in part.indices} for part in made.train
    }
    assert made.real == 8 and made.sim == 8
    assert len(set.union(*scenes.values())) == 2


def test_one_expert_labels_each_scene(data_sets):
    made, again = mix(one_expert=True), mix(one_expert=True, seed=1)
    rows = [data_sets["sim"].rows.slice(index, 1).to_pylist()[0] for index in made.train[1].indices]
    experts = {row["scene"]: set() for row in rows}
    for row in rows:
        experts[row["scene"]].add(row["expert"])
    assert all(len(some) == 1 for some in experts.values()) and len(experts) == 12 and made.sim == 24
    assert set.union(*experts.values()) == {"planner", "recovery"} and chosen(made) != chosen(again)


def test_labels_of_the_log_are_those_of_simulated_samples_alone(data_sets, monkeypatch):
    from simscale_gym.training import selection

    asked = []
    monkeypatch.setattr(selection, "LoggedLabels", lambda data, **told: asked.append((data, told)) or max)
    made = mix(sim_label="log-motion")
    assert [part.label for part in made.train] == [None, max] and made.val[0].label is None
    assert asked == [(data_sets["sim"], {"as_if_there": True})]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sim_ratio": 3.0}, "asks for 72 simulated samples, expected 48 at most"),
        ({"scenes": 7}, "scenes: 7, expected 6 at most"),
        ({"real": ("sim",)}, "kind 'perturbed', expected recorded ones"),
        ({"sim": ("real",)}, "kind 'log', expected simulated samples"),
        ({"val": ("val-sim",)}, "val: simulated samples alone, expected recorded ones"),
        ({"val": ("real",)}, "shares 1 roads with the training sets"),
        ({"real": ("small",)}, "cam_f0 at 8 x 16, expected cam_f0 at 16 x 32"),
    ],
)
def test_sets_that_do_not_fit(data_sets, changes, message):
    with pytest.raises(ArgumentError, match=message):
        mix(**changes)


def test_scores_of_another_vocabulary(data_sets):
    assert mix().vocabulary.shape == (6, 40, 3)
    data_sets["sim"].vocabulary = None
    with pytest.raises(ArgumentError, match=r"another vocabulary \(0 trajectories\) than made up \(6\)"):
        mix()


def test_two_drives_through_a_town_share_its_roads():
    assert roads("town-train-000003/log-00", "town") == roads("town-train-000003/log-01", "town")
    assert roads("2021/a", "nuplan") != roads("2021/b", "nuplan")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"real": (), "sim": ()}, "no data set"),
        ({"schedule": "step"}, "schedule: 'step', expected one of cosine, constant"),
        ({"steps": 0}, "steps: 0, expected 1 or more"),
        ({"sim_weight": float("nan")}, "sim_weight: nan"),
        ({"batch_size": 3, "devices": 2}, "batch_size: 3, expected a multiple of 2 devices"),
    ],
)
def test_settings_that_cannot_be(changes, message):
    with pytest.raises(ArgumentError, match=message):
        TrainConfig(**({"real": ("real",)} | changes))
