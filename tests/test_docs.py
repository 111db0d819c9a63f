"""What README and docs say can be done: commands parse, code imports what there is, links lead somewhere."""

import ast
import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from simscale_gym import cli

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
MADE = ("api", "notebooks")  # by docs/api_pages.py and docs/notebook_pages.py
PAGES = [path for path in PAGES if path.parent.name not in MADE]


def blocks(path, language):
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)


def commands(path):
    """All calls of simscale-gym in shell blocks, continued lines joined and variables put in."""
    found = []
    for block in blocks(path, "sh"):
        variables = dict(re.findall(r'^(\w+)="(.*)"$', block, re.MULTILINE))
        for line in block.replace("\\\n", " ").splitlines():
            for name, value in variables.items():
                line = line.replace(f"${name}", value)
            if line.startswith("simscale-gym "):
                found.append(shlex.split(line, comments=True)[1:])
    return found


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_commands_are_understood(path, console, monkeypatch):
    monkeypatch.setattr(cli, "run", lambda command: True)
    for arguments in commands(path):
        code, _, err = console(*arguments)
        assert code == 0, f"{' '.join(arguments)}\n{err}"


def test_commands_are_found():
    assert len(commands(ROOT / "docs" / "how_to" / "cotrain.md")) == 10


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_code_compiles_and_imports_what_there_is(path):
    for block in blocks(path, "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module.startswith("simscale_gym"):
                module = import_module(node.module)
                assert [name.name for name in node.names if not hasattr(module, name.name)] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text(encoding="utf-8"))
    missing = [target for target in targets if not (path.parent / target).exists()]
    assert [target for target in missing if not any(f"{made}/" in target for made in MADE)] == []


def test_the_site_shows_every_page():
    def files(entry):
        if isinstance(entry, str):
            return [entry]
        return [
            file for part in (entry.values() if isinstance(entry, dict) else entry) for file in files(part)
        ]

    shown = files(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"])
    there = [path.relative_to(ROOT / "docs").as_posix() for path in PAGES if path.name != "README.md"]
    written = [file for file in shown if file.split("/")[0] not in MADE]
    assert sorted(written) == sorted(there)
    notebooks = [file for file in shown if file.startswith("notebooks/")]
    there = [path.stem for path in (ROOT / "examples" / "notebooks").glob("*.py")]
    assert sorted(notebooks) == sorted(f"notebooks/{name}.md" for name in there)
