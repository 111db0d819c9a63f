"""Looks on disk: found again, made again where damaged, named by their content, bounded in size."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from street import street_scene, street_shapes

import simscale_gym
from simscale_gym.dressing.looks import look_cache
from simscale_gym.dressing.looks.look_cache import LookCache, content_key
from simscale_gym.dressing.looks.packed_look import PackedLook
from simscale_gym.dressing.nodes.node_looks import look_template
from simscale_gym.dressing.nodes.template_cache import TemplateCache


@dataclass(frozen=True)
class Plan:
    name: str
    points: np.ndarray


def test_made_once(tmp_path):
    made = []
    cache = LookCache(tmp_path / "looks")

    def make():
        made.append(1)
        return {"a": np.arange(5)}

    assert all(np.array_equal(cache.get("x", make)["a"], np.arange(5)) for _ in range(3))
    assert len(made) == 1


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 and then nothing", b"not an archive"])
def test_damaged_files_are_made_again_and_that_is_said(tmp_path, damage, caplog):
    cache = LookCache(tmp_path)
    cache.get("x", lambda: {"a": np.arange(5)})
    (tmp_path / "x.npz").write_bytes(damage)
    assert cache.get("x", lambda: {"a": np.arange(7)})["a"].size == 7
    assert cache.get("x", dict)["a"].size == 7
    (line,) = caplog.messages
    assert line.startswith(f"{tmp_path / 'x.npz'} is damaged")


def test_torn_files_are_made_again(tmp_path):
    """However far a file was written, and wherever a byte of it has changed."""
    cache, path = LookCache(tmp_path), tmp_path / "x.npz"
    wanted = np.arange(500.0)
    cache.get("x", lambda: {"a": wanted})
    whole = path.read_bytes()
    places = np.linspace(0, len(whole) - 1, 60).astype(int)
    torn = [whole[:length] for length in places]
    changed = [whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :] for at in places]
    made = 0
    for data in torn + changed:
        path.write_bytes(data)
        found = cache.get("x", lambda: {"a": wanted})
        np.testing.assert_array_equal(found["a"], wanted)
        made += path.read_bytes() == whole
    assert made > len(torn)  # the rest are bytes that say nothing, as times


def test_no_folder_keeps_nothing(tmp_path):
    assert LookCache(None).get("x", lambda: {"a": np.ones(1)})["a"].size == 1
    (tmp_path / "file").write_text("")
    assert LookCache(tmp_path / "file").get("x", lambda: {"a": np.ones(1)})["a"].size == 1


def test_the_least_recently_used_go_first(tmp_path, monkeypatch):
    monkeypatch.setattr(look_cache, "KEPT_BYTES", 20_000)
    cache = LookCache(tmp_path)
    for name in "abcd":
        cache.get(name, lambda: {"a": np.zeros(1000)})
    assert not (tmp_path / "a.npz").exists() and (tmp_path / "d.npz").exists()


def test_names_follow_the_content():
    plan = Plan("a", np.arange(3.0))
    assert content_key(plan) == content_key(Plan("a", np.arange(3.0)))
    others = [Plan("b", np.arange(3.0)), Plan("a", np.arange(3)), Plan("a", np.arange(4.0))]
    assert len({content_key(value) for value in (plan, *others)}) == 4


def written(root, **files):
    """A package with what makes a look, and further files by path."""
    plain = {name: f"# {name}" for name in ("dressing/dress.py", "dressing/looks/look.py", "geometry/box.py")}
    needed = {name: "" for name in look_cache.MADE_BY if name.endswith(".py")}
    for name, code in (plain | needed | files).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(code)
    return look_cache.code_digest(root)


def test_code_anywhere_in_its_packages_names_a_look(tmp_path):
    before = written(tmp_path / "a")
    assert written(tmp_path / "b") == before
    assert written(tmp_path / "c", **{"envs/env.py": "", "splats/cpu/blend.py": ""}) == before
    changes = {
        "added in a sub-package": {"dressing/trees/bark/oak.py": ""},
        "changed": {"dressing/looks/look.py": "# another"},
        "packed otherwise": {"splats/cpu/pack.py": "CHUNK = 128"},
        "in a lower package": {"scene/shapes/trees.py": ""},
    }
    digests = {written(tmp_path / name, **files) for name, files in changes.items()}
    assert len(digests | {before}) == len(changes) + 1
    moved = tmp_path / "moved"
    written(moved)
    (moved / "dressing/lamps").mkdir()
    (moved / "dressing/dress.py").rename(moved / "dressing/lamps/dress.py")
    assert look_cache.code_digest(moved) not in digests | {before}


NO_LOOKS = (
    "errors.py", "extras.py", "lazy_names.py", "one_line.py", "__init__.py", "files/", "kernels/", "splats/formats/",
    "splats/checkpoints/",
)  # fmt: skip
"""What looks are made without: readers and writers of files, and what is common to all."""


def test_nothing_that_makes_a_look_is_left_out():
    """All that the makers of looks import, and what that imports, is part of their names."""
    package = Path(simscale_gym.__file__).parent
    todo = ["dressing/looks/packed_look.py", "dressing/nodes/template_cache.py"]
    seen = set()
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += imported(package, ast.parse((package / name).read_text()))
    assert len(seen) > 60
    known = look_cache.looks_code(package)
    assert [name for name in sorted(seen) if name not in known and not name.startswith(NO_LOOKS)] == []


def imported(package, tree):
    """Files of the package that a module imports, by path in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("simscale_gym"):
            for name in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names)):
                base = "/".join(name.split(".")[1:])
                yield from (f for f in (f"{base}.py", f"{base}/__init__.py") if (package / f).is_file())


def test_a_kept_look_is_the_made_one(tmp_path):
    scene, shapes = street_scene(), street_shapes()
    made, kept = (PackedLook.of(scene, shapes, LookCache(tmp_path)) for _ in range(2))
    for name, value in vars(made.packed).items():
        assert np.array_equal(value, getattr(kept.packed, name)), name
    assert made.light == kept.light and np.array_equal(made.sky.table, kept.sky.table)
    assert np.array_equal(made.shade.at([[0.0, 0.0]]), kept.shade.at([[0.0, 0.0]]))


def test_templates_are_what_they_are_made_as(tmp_path):
    key = ("object", "cone", 1, 0)
    plain = look_template(*key)
    for _ in range(2):
        kept = TemplateCache(LookCache(tmp_path)).get(*key)
        assert all(np.array_equal(value, getattr(kept, name)) for name, value in vars(plain).items())
