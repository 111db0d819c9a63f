"""Round after round, a policy drives and learns; what was written stays."""

from dataclasses import replace

import numpy as np
import pytest
import scripted_policies

from simscale_gym.agents import named_agents
from simscale_gym.datagen import DataSet, DataSpec, RolloutSpec, dagger, regenerate, repair, verify
from simscale_gym.datagen.layout import POLICY, RECIPE
from simscale_gym.errors import ArgumentError, DataError, PolicyError

STRAIGHT = f"{scripted_policies.__file__}:Straight"


class Learner:
    """Learns as a share of the speed how many samples there are."""

    def __init__(self):
        self.seen = []

    def __call__(self, data_set, file):
        self.seen.append(len(data_set))
        file.write_text(str(1.0 / len(data_set)))


@pytest.fixture(scope="module")
def spec(driving_town, vocabulary_file):
    pytest.importorskip("pyarrow")
    rollout = RolloutSpec(STRAIGHT, horizon=1.0)
    return DataSpec(
        kind="rollout", experts=("planner",), rounds=1, stride=9.0, clips=2, vocabulary=vocabulary_file, cameras=(),
        rollout=rollout,
    )  # fmt: skip


@pytest.fixture(scope="module")
def written(spec, tmp_path_factory):
    """Three rounds, the samples that each learned from, and what it yielded; do not change it."""
    folder, learner = tmp_path_factory.mktemp("dagger") / "rounds", Learner()
    return folder, learner.seen, list(dagger(folder, spec, learner, rounds=3, decay=0.5, workers=1))


def content(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_each_round_adds_a_part_with_its_own_recipe(written, spec):
    folder, seen, rounds = written
    assert [r.number for r in rounds] == [0, 1, 2] and [r.beta for r in rounds] == [1.0, 0.5, 0.25]
    assert seen == [len(r.data_set) for r in rounds[:2]] and seen[0] < seen[1] < len(rounds[2].data_set)
    recipes = [r["spec"] for r in DataSet(folder).recipes]
    assert [r["seed"] for r in recipes] == [0, 1, 2]
    assert [r["rollout"]["beta"] for r in recipes] == [1.0, 0.5, 0.25]
    assert [r["rollout"]["policy"] for r in recipes] == ["expert:planner", STRAIGHT, STRAIGHT]
    assert [float((r.folder / POLICY).read_text()) for r in rounds[1:]] == [1.0 / n for n in seen]
    assert not (rounds[0].folder / POLICY).exists()


def test_the_reader_sees_all_rounds_together(written):
    folder, _, rounds = written
    together, alone = DataSet(folder), [DataSet(r.folder) for r in rounds]
    assert len(together) == sum(map(len, alone)) and together.rows.column("by_expert").to_pylist()[0]
    at = 0
    for part in alone:
        for index in (0, len(part) - 1):
            ours, theirs = together[at + index], part[index]
            assert ours.row["key"] == theirs.row["key"] and ours.row["shard"].endswith(theirs.row["shard"])
            np.testing.assert_array_equal(ours.step["state"], theirs.step["state"])
        at += len(part)
    assert list(verify(folder)) == []


def test_called_again_it_touches_nothing(written, spec):
    folder, _, before = written
    was = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    learner = Learner()
    again = list(dagger(folder, spec, learner, rounds=3, decay=0.5, workers=1))
    assert learner.seen == [] and was == {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()}
    assert [len(r.data_set) for r in again] == [len(r.data_set) for r in before]


def test_broken_off_in_a_round_it_goes_on(written, spec, tmp_path, monkeypatch):
    """The policy of the second round fails in its second scene, and is mended: what it was loaded from is kept."""
    folder, learner = tmp_path / "rounds", Learner()
    asked, act = [], scripted_policies.Straight.act

    def failing(self, observation):
        asked.append(self)
        if len(asked) == 3:
            raise RuntimeError("out of memory")
        return act(self, observation)

    rounds = dagger(folder, spec, learner, rounds=3, decay=0.5, workers=1)
    next(rounds)
    monkeypatch.setattr(named_agents, "_file_module", lambda place: scripted_policies)
    monkeypatch.setattr(scripted_policies.Straight, "act", failing)
    with pytest.raises(PolicyError, match="RuntimeError: out of memory"):
        next(rounds)
    monkeypatch.undo()
    kept = (folder / "round-001" / POLICY).read_text()
    list(dagger(folder, spec, learner, rounds=3, decay=0.5, workers=1))
    assert len(learner.seen) == 2 and (folder / "round-001" / POLICY).read_text() == kept
    assert content(folder) == content(written[0])


def test_samples_of_a_round_are_made_again(written):
    data_set = DataSet(written[0])
    row = data_set.row(-1)
    with pytest.raises(ArgumentError, match="name it"):
        regenerate(data_set, row)
    again = regenerate(data_set, row, policy=STRAIGHT)
    np.testing.assert_array_equal(again.step["action"], data_set[-1].step["action"])


def test_a_damaged_round_is_repaired(spec, tmp_path):
    folder = tmp_path / "rounds"
    list(dagger(folder, spec, Learner(), rounds=2, workers=1))
    was = content(folder)
    next((folder / "round-001" / "shards").glob("*.tar")).write_bytes(b"x")
    damages = list(verify(folder))
    assert damages and all(damage.file.startswith("round-001/shards/") for damage in damages)
    assert len(list(repair(folder, damages, workers=1, policy=STRAIGHT))) == 1
    assert content(folder) == was


def test_rounds_of_another_spec_are_refused(written, spec):
    folder, was = written[0], content(written[0])
    other = replace(spec, rollout=replace(spec.rollout, horizon=2.0))
    with pytest.raises(ArgumentError, match="round-000: a round of another spec"):
        next(dagger(folder, other, Learner(), rounds=3, decay=0.5))
    with pytest.raises(ArgumentError, match="round-001: a round of another spec"):
        list(dagger(folder, spec, Learner(), rounds=2, decay=0.1))
    assert content(folder) == was


def test_a_trainer_that_writes_nothing_is_named(spec, tmp_path):
    rounds = dagger(tmp_path / "a", spec, lambda data_set, file: None, rounds=2, workers=1)
    first = next(rounds)
    was = content(first.folder)
    with pytest.raises(ArgumentError, match=f"{POLICY} is no file"):
        next(rounds)
    assert content(tmp_path / "a") == {f"round-000/{name}": data for name, data in was.items()}
    assert (first.folder / RECIPE).exists()


@pytest.mark.parametrize(
    ("changes", "settings", "said"),
    [
        ({"rollout": None, "kind": "log", "cameras": ("cam_f0",)}, {}, "expected a spec of kind rollout"),
        ({"rollout": RolloutSpec("log")}, {}, "whose policy is module:callable"),
        ({}, {"rounds": 0}, "rounds 0"),
        ({}, {"decay": 2.0}, "decay 2.0"),
    ],
)
def test_what_cannot_be_is_named(spec, tmp_path, changes, settings, said):
    with pytest.raises(ArgumentError, match=said):
        next(dagger(tmp_path, replace(spec, **changes), Learner(), **settings))


def test_a_folder_without_rounds_is_no_data_set(tmp_path):
    with pytest.raises(DataError, match=r"recipe\.json: found no such file"):
        DataSet(tmp_path)
