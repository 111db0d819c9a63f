"""An experiment goes on where it was broken off, and no row comes twice."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning")

from made_up_set import MadeUpSet, made_up_samples

from simscale_gym.errors import ArgumentError, DataError, SceneError
from simscale_gym.experiments import make_experiment, rows_of, run_experiment, running
from simscale_gym.files.claims import claimed

ARMS = ("regression, real", "regression, real + sim", "ego_status, real", "ego_status, real + sim")


def run(budget, name="baseline"):
    return run_experiment(make_experiment(name, budget), budget)


def named(rows):
    return sorted((row["arm"], row["seed"], row["suite"]) for row in rows)


def test_every_arm_seed_and_suite_has_a_row_and_the_drivers_beside(budget, judged):
    run(budget())
    rows = rows_of("baseline", budget()).rows()
    trained = [row for row in rows if row["training"]]
    assert named(trained) == sorted(
        (arm, seed, suite) for arm in ARMS for seed in "01" for suite in ("town-val", "town-test")
    )
    assert len(rows) - len(trained) == 3 * 2
    groups = rows_of("baseline", budget()).groups()
    assert set(groups) == {row["key"] for row in rows} and all(len(lines) == 12 for lines in groups.values())
    mean = sum(float(line["epdms"]) for line in groups[rows[0]["key"]]) / 12
    assert mean == pytest.approx(float(rows[0]["epdms"]), abs=1e-4)
    (sim,) = {(row["real"], row["sim"], row["sim_ratio"]) for row in trained if "sim" in row["arm"]}
    assert sim == ("24", "24", "1")


def test_given_again_it_does_nothing(budget, judged, monkeypatch):
    run(budget())
    before, asked = rows_of("baseline", budget()).path.read_bytes(), len(judged)
    monkeypatch.setattr(running, "train", None)
    assert run(budget()) == []
    assert rows_of("baseline", budget()).path.read_bytes() == before and len(judged) == asked


@pytest.mark.parametrize("calls", [1, 2, 5])
def test_killed_anywhere_it_goes_on(budget, judged, monkeypatch, calls):
    """Between training and judging, after a suite, in the middle of the second seed."""
    evaluate, left = running.evaluate, [calls]

    def killed(*args, **told):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return evaluate(*args, **told)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(running, "evaluate", killed)
        run(budget())
    assert len(rows_of("baseline", budget()).rows()) == calls == len(judged)
    run(budget())
    rows = rows_of("baseline", budget()).rows()
    assert len(rows) == len(judged) == 4 * 2 * 2 + 3 * 2 and len(set(named(rows))) == len(rows)


def test_a_torn_row_is_made_again(budget, judged):
    run(budget(seeds=(0,)))
    file = rows_of("baseline", budget())
    whole = file.path.read_bytes()
    file.path.write_bytes(whole[:-40])
    run(budget(seeds=(0,)))
    again = file.rows()
    assert len(again) == len(set(named(again))) == 4 * 2 + 6
    assert file.path.read_bytes().count(b"\n") == whole.count(b"\n")


def test_it_is_known_again_from_another_folder(budget, judged, tmp_path):
    rows = tmp_path / "rows.csv"
    run(budget(rows=rows))
    elsewhere = tuple(f"{name}={tmp_path / 'moved' / name}" for name in ("real", "planner", "val"))
    asked = len(judged)
    run(budget(rows=rows, data=elsewhere, work=tmp_path / "other"))
    assert len(judged) == asked and not (tmp_path / "other" / "runs").exists()


def test_other_samples_settings_or_code_are_other_runs(budget, judged, sets, monkeypatch):
    small = {"families": ("ego_status",), "seeds": (0,), "suites": ("town-val",)}

    def keys():
        run(budget(**small))
        return rows_of("baseline", budget()).keys()

    first = keys()
    sets["val"] = MadeUpSet(made_up_samples(6, town=1))
    second = keys()
    assert len(first) == 2 + 3 and len(second - first) == 2
    small["steps"] = 3
    third = keys()
    assert len(third - second) == 2
    from simscale_gym.experiments import plan

    monkeypatch.setattr(plan, "training_code", lambda: "other")
    assert len(keys() - third) == 2


def test_code_is_known_by_what_it_does():
    from simscale_gym.experiments.plan import _meaning

    one = '"""A."""\nx = 1  # one\n\ndef f():\n    """B."""\n    return x\n'
    assert _meaning(one) == _meaning('"""C."""\nx = 1\ndef f():\n    "D"\n    return x')
    assert _meaning(one) != _meaning(one.replace("= 1", "= 2"))


def test_what_another_process_is_at_is_left_to_it(budget, judged):
    from simscale_gym.experiments.data_sets import needed_sets
    from simscale_gym.experiments.plan import plan_runs, suites_of

    mine = budget(seeds=(0,))
    experiment = make_experiment("baseline", mine)
    (first, *_) = plan_runs(experiment, mine, needed_sets(experiment, mine), suites_of(experiment))
    with claimed(first.folder) as held:
        assert held and run(mine) == ["regression, real, seed 0"]
    assert ("regression, real", "town-val") not in judged
    assert run(mine) == [] and judged.count(("regression, real", "town-val")) == 1


def test_two_that_add_at_once_give_each_row_once(budget, judged):
    run(budget(seeds=(0,)))
    file = rows_of("baseline", budget())
    row, groups = file.rows()[0], next(iter(file.groups().values()))
    rows = [row | {"key": f"key-{n}"} for n in range(10)]

    def add():
        for one in rows:
            file.add(one, [line | {"key": one["key"]} for line in groups])

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = file.path.read_text().splitlines()
    assert len(lines) == 1 + 14 + 10 and len(file.keys()) == 24
    assert len(file.groups_path.read_text().splitlines()) == 1 + 12 * 24


def test_files_of_two_machines_are_laid_together(budget, judged, tmp_path):
    one, two = (replace(budget(), seeds=(seed,), rows=tmp_path / f"{seed}.csv") for seed in (0, 1))
    run(one), run(two)
    both = tmp_path / "both.csv"
    for part in ("", "-groups"):
        texts = [(tmp_path / f"{seed}{part}.csv").read_text() for seed in (0, 1)]
        (tmp_path / f"both{part}.csv").write_text("".join(texts))
    asked = len(judged)
    run(replace(budget(), rows=both))
    assert len(judged) == asked and len(rows_of("baseline", replace(budget(), rows=both)).rows()) == 16 + 6


def test_arms_that_ask_for_more_than_there_is_get_as_much_as_all_have(budget, judged):
    """There are 43, 44 and 45 simulated samples of 24 recorded ones."""
    told = budget(
        "real", "planner", "recovery", "unified", "val", ratio=4.0, families=("regression",), seeds=(0,)
    )
    run(told, "experts")
    rows = [row for row in rows_of("experts", told).rows() if float(row["sim_ratio"] or 0)]
    assert {(row["sim_ratio"], row["sim"]) for row in rows} == {("1.75", "42")} and len(rows) == 3 * 2


def test_scaling_names_what_there_was(budget, judged):
    told = budget(families=("ego_status",), seeds=(0,), suites=("town-val",))
    run(told, "scaling")
    arms = [row["arm"] for row in rows_of("scaling", told).rows() if row["training"]]
    assert arms == [f"ego_status, {ratio} sim" for ratio in ("0", "0.25", "0.5", "1", "1.75")]


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"families": ("regresion",)}, ArgumentError, "families: 'regresion' is unknown"),
        ({"suites": ("town-hrad",)}, ArgumentError, "'town-hrad' is neither a suite nor a file"),
        (
            {"suites": ("real-mini",)},
            SceneError,
            "suite 'real-mini' is of recorded scenes: name their folder",
        ),
        ({"suites": ("real-mini",), "scenes": "/nowhere"}, DataError, "/nowhere: found nothing"),
        ({"seeds": (1, 1)}, ArgumentError, "none twice"),
        (
            {"data": ("rael=x",)},
            ArgumentError,
            "'rael' is no data set of baseline, expected real, val, planner",
        ),
        ({"data": ("real",)}, ArgumentError, "'real', expected NAME=DIR"),
        (
            {"families": ("scoring",)},
            ArgumentError,
            "scores: samples have those of 6 trajectories, expected 9",
        ),
        ({"preset": "huge"}, ArgumentError, "regression has no 'huge'"),
    ],
)
def test_mistakes_are_said_before_the_work(budget, judged, monkeypatch, change, error, said):
    monkeypatch.setattr(running, "train", None)
    with pytest.raises(error, match=said):
        run(budget(**change))
    assert not judged


def test_experiments_that_cannot_be(budget):
    with pytest.raises(ArgumentError, match=r"expected one of baseline.*Did you mean 'baseline'"):
        make_experiment("basline", budget())
    with pytest.raises(ArgumentError, match="regression has its own planners; leave them out"):
        make_experiment("regression", budget())
    with pytest.raises(ArgumentError, match="transfer needs a folder of recorded scenes"):
        make_experiment("transfer", budget())


def test_rows_of_another_kind_are_said_before_the_work(budget, judged, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text("planner,seed\nmine,0\n")
    with pytest.raises(
        DataError, match=r"other\.csv: found the columns planner, seed, expected rows of an exp"
    ):
        run(budget(rows=other))
    assert not judged and other.read_text() == "planner,seed\nmine,0\n"


def test_a_folder_that_holds_no_finished_data_set(budget, tmp_path, monkeypatch):
    from simscale_gym.datagen import DataSet
    from simscale_gym.experiments import data_sets

    monkeypatch.setattr(data_sets, "DataSet", DataSet)
    with pytest.raises(DataError, match="expected a file of a data set"):
        run(budget())


def test_data_sets_that_are_missing_are_collected_once(budget, judged, monkeypatch, sets):
    """Two of the three are; the third is somebody's own."""
    from types import SimpleNamespace

    from simscale_gym.experiments import data_sets

    asked = []

    def write(folder, spec, *, workers):
        asked.append((folder.name.rpartition("-")[0], spec))
        folder.mkdir(parents=True)
        yield SimpleNamespace(samples=spec.clips, head=SimpleNamespace(clips=spec.clips))
        (folder / "manifest.json").write_text("{}")

    by_name = data_sets.DataSet
    plain = {name: by_name(name) for name in sets}
    for module in (data_sets, *_users_of_sets()):
        monkeypatch.setattr(module, "DataSet", lambda folder: plain[Path(folder).name.partition("-")[0]])
    monkeypatch.setattr(data_sets, "write_data_set", write)
    told = replace(budget("val"), clips=16, rounds=2, seeds=(0,))
    run(told), run(told)
    specs = dict(asked)
    assert len(asked) == 2 and set(specs) == {"real", "planner"}
    assert (specs["real"].kind, specs["real"].clips) == ("log", 16)
    assert (specs["planner"].experts, specs["planner"].clips, specs["planner"].rounds) == (
        ("planner",),
        42,
        2,
    )
    run(replace(told, rounds=3))
    assert [name for name, _ in asked] == ["real", "planner", "planner"]


def _users_of_sets():
    from simscale_gym.experiments import plan
    from simscale_gym.training import identity, selection

    return plan, identity, selection
