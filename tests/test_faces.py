"""What each package offers by name, what that costs, and that examples and benchmarks ask for nothing else."""

import ast
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
MODULES = {"simscale_gym.geometry": {"box", "polyline", "se2", "se3"}}
"""Names of a package that are modules on purpose."""
TRAIN = pytest.mark.skipif(
    any(find_spec(package) is None for package in ("torch", "lightning", "safetensors", "tensorboard")),
    reason="the extra train is not installed",
)
FACES = [
    "simscale_gym.agents",
    "simscale_gym.agents.pdm",
    "simscale_gym.datagen",
    "simscale_gym.driving_seat",
    "simscale_gym.envs",
    "simscale_gym.evaluation",
    pytest.param("simscale_gym.experiments", marks=TRAIN),
    "simscale_gym.geometry",
    "simscale_gym.metrics",
    "simscale_gym.perturbation",
    pytest.param("simscale_gym.planners", marks=TRAIN),
    "simscale_gym.rendering",
    "simscale_gym.scene",
    "simscale_gym.scoring",
    "simscale_gym.sim",
    "simscale_gym.sources",
    "simscale_gym.splats",
    "simscale_gym.town",
    pytest.param("simscale_gym.training", marks=TRAIN),
    "simscale_gym.viewer",
]
SCRIPTS = sorted([*(ROOT / "examples").glob("*.py"), *(ROOT / "benchmarks").glob("*.py")])


@pytest.mark.parametrize("package", FACES)
def test_every_name_is_there_and_is_what_it_says(package):
    face = import_module(package)
    assert len(set(face.__all__)) == len(face.__all__) and set(face.__all__) <= set(dir(face))
    modules = {name for name in face.__all__ if isinstance(getattr(face, name), ModuleType)}
    assert modules == MODULES.get(package, set())


@pytest.mark.parametrize("package", FACES)
def test_other_names_are_no_attributes(package):
    with pytest.raises(AttributeError, match=rf"'{package}' has no attribute 'nothing'"):
        import_module(package).nothing  # noqa: B018


def test_names_are_the_same_whichever_way_they_are_asked_for():
    """Also where a module was loaded before its package was asked for the name."""
    from simscale_gym.agents import ExpertPlan, logged_pose
    from simscale_gym.agents.expert import ExpertPlan as same_plan
    from simscale_gym.agents.recorded_ego import logged_pose as same_pose

    assert ExpertPlan is same_plan and logged_pose is same_pose


@pytest.mark.parametrize(
    "package",
    [
        "simscale_gym",
        "simscale_gym.agents",
        "simscale_gym.experiments",
        "simscale_gym.geometry",
        "simscale_gym.planners",
        "simscale_gym.training",
    ],
)
def test_packages_that_load_nothing_until_it_is_needed(package):
    script = f"import sys, {package}; print([m for m in ('numba', 'scipy', 'shapely', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def imports(script):
    """``(module, name)`` of everything that a script imports from this package."""
    for node in ast.walk(ast.parse(script.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("simscale_gym"):
            yield from ((node.module, alias.name) for alias in node.names)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: f"{script.parent.name}/{script.name}")
def test_scripts_import_nothing_private_nor_deep_that_a_face_offers(script):
    for module, name in imports(script):
        assert not any(part.startswith("_") for part in (*module.split("."), name)), (module, name)
        above = module.rpartition(".")[0]
        while above not in ("simscale_gym", ""):
            assert name not in getattr(import_module(above), "__all__", ()), f"{above} offers {name}"
            above = above.rpartition(".")[0]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: f"{script.parent.name}/{script.name}")
def test_scripts_look_at_nothing_private_of_others(script):
    own = {"self", "cls", "gsplat"}  # what a peer has no public name for
    private = [
        f"{node.value.id}.{node.attr}"
        for node in ast.walk(ast.parse(script.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and not node.attr.startswith("__")
        and isinstance(node.value, ast.Name)
        and node.value.id not in own
    ]
    assert private == []
