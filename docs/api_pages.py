"""Write the pages of the reference, docs/api/*.md, which name every public name where it is defined.

python docs/api_pages.py

Packages load their names lazily, which a reader of source files cannot follow, so the pages are made by importing them.
"""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path
from types import ModuleType

PAGES = {
    "envs": ("The environment", ("envs", "wrappers")),
    "agents": ("Agents, experts, traffic", ("agents",)),
    "scenes": ("Scenes and sources", ("scene", "sources", "sim")),
    "scores": ("Scores", ("metrics", "scoring", "parity")),
    "splats": ("Splats and pictures", ("splats", "rendering")),
    "data": ("Perturbation and data", ("perturbation", "datagen")),
    "training": ("Planners and training", ("planners", "training")),
    "evaluation": ("Evaluation and experiments", ("evaluation", "experiments", "browser")),
}


def page(title: str, packages: tuple[str, ...]) -> str:
    """Text of a page."""
    parts = [f"# {title}\n"]
    for package in (import_module(f"simscale_gym.{name}") for name in packages):
        parts.append(f"## {package.__name__}\n\n{inspect.getdoc(package)}\n")
        names = sorted(package.__all__, key=lambda name: (name != "SimScaleEnv", name.lower()))
        parts += [entry(package, name) for name in names]
    return "\n".join(parts) + "\n"


def entry(package: ModuleType, name: str) -> str:
    """What the reference shows of a public name: its docstring, or the value of a constant."""
    value = getattr(package, name)
    if inspect.ismodule(value):
        return f"::: {value.__name__}"
    if inspect.isclass(value) or inspect.isroutine(value):
        return f"::: {value.__module__}.{value.__qualname__}"
    said = repr(value)
    return f"### {name}\n\n`{said if len(said) < 200 else type(value).__name__}`\n"


if __name__ == "__main__":
    folder = Path(__file__).parent / "api"
    folder.mkdir(exist_ok=True)
    for file, (title, packages) in PAGES.items():
        (folder / f"{file}.md").write_text(page(title, packages), encoding="utf-8")
