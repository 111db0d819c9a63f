"""Experiments as a user types them."""

import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning")


@pytest.fixture
def command(monkeypatch, console, tmp_path):
    """Runs a command in an empty folder; what it printed and its exit code."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        return console("experiment", *arguments)

    return run


def test_a_dry_run_says_what_there_is_and_does_nothing(command, tmp_path):
    code, out, _ = command("scaling", "--dry-run", "--seeds", 0, 1, "--families", "regression")
    _, *lines = out.splitlines()
    assert code == 0 and list(tmp_path.iterdir()) == []
    assert lines[0].startswith("scaling: How much simulation is enough?")
    assert sum(line.startswith("run regression, ") for line in lines) == 2 * 6
    assert "run regression, 0.25 sim, seed 1: to do" in out and lines[-1].endswith("on two cores")
    collected = [line for line in lines if line.startswith("data ")]
    assert [line.split(":")[0] for line in collected] == ["data real", "data val", "data planner"]
    assert "to be collected: 1680 clips" in collected[2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("basline",), "Did you mean 'baseline'?"),
        (("baseline", "--families", "regresion"), "families: 'regresion' is unknown"),
        (("baseline", "--suites", "town-hrad"), "Nearest: town-hard"),
        (("transfer",), "needs a folder of recorded scenes"),
        (("transfer", "--scenes", "nowhere"), "nowhere: found nothing"),
        (("baseline", "--report", "out"), "has no rows of baseline. Run it first"),
        (("baseline", "--report", "out", "--dry-run"), "expected one of them"),
        (("baseline", "--steps", "0"), "steps: 0"),
    ],
)
def test_mistakes_are_answered_in_one_line(command, tmp_path, arguments, said):
    code, _, err = command(*arguments)
    assert code == 1 and said in err and len(err.strip().splitlines()) == 1
    assert not (tmp_path / "out" / "experiments" / "data").exists()
