"""Every notebook runs in a kernel of its own, and shows what it says that it shows."""

from pathlib import Path

import pytest

jupytext = pytest.importorskip("jupytext")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

NOTEBOOKS = Path(__file__).parents[1] / "examples" / "notebooks"


@pytest.fixture
def run(town_cache, tmp_path):
    """``run(name)``: the notebook's outputs, cell by cell, as they come of a kernel that has the town of the tests."""

    def execute(name):
        notebook = jupytext.read(NOTEBOOKS / name)
        place = {"metadata": {"path": str(tmp_path)}}
        nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3", resources=place).execute()
        return [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]

    return execute


def kinds(outputs):
    return [kind for cell in outputs for output in cell for kind in output.get("data", {})]


def text(outputs):
    return "".join(output.get("text", "") for cell in outputs for output in cell)


def test_there_is_no_notebook_without_a_test():
    tested = Path(__file__).read_text()
    assert [path.name for path in NOTEBOOKS.glob("*.py") if f'"{path.name}"' not in tested] == []


def test_first_drive(run):
    outputs = run("1_first_drive.py")
    assert kinds(outputs).count("image/png") == 3
    html = [
        output["data"]["text/html"]
        for cell in outputs
        for output in cell
        if "text/html" in output.get("data", {})
    ]
    assert "<svg" in html[0] and "<video" in html[1]


def test_perturb_and_label(run):
    outputs = run("2_perturb_and_label.py")
    assert kinds(outputs).count("image/png") == 2 and "no_at_fault_collisions" in str(outputs[-1])
    assert "m across" in text(outputs)


def test_dagger(run):
    pytest.importorskip("pyarrow")
    outputs = run("3_dagger.py")
    assert "round 2: the expert drives 0%" in text(outputs) and kinds(outputs).count("image/png") == 1


def test_evaluate_your_planner(run):
    pytest.importorskip("jinja2")
    outputs = run("4_evaluate_your_planner.py")
    shown = str(outputs)
    assert "PDM-Closed" in shown and "95 % interval" in text(outputs) and "<iframe srcdoc=" in shown


def test_reinforcement_learning(run):
    outputs = run("5_reinforcement_learning.py")
    assert "steps a second" in text(outputs) and "<video" in str(outputs[-1])
