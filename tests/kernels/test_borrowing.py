"""Kernels that borrow give back numbers and call nothing but kernels that borrow.

Others would be compiled for them without counts of references, and kept so for all who call them.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import numpy as np
import pytest
from numba.core.errors import NumbaError

import simscale_gym
from simscale_gym.kernels.borrowing import borrowing

PACKAGE = Path(simscale_gym.__file__).parent


def first(values: np.ndarray, n: int) -> float:
    return values[n]


def a_part(values: np.ndarray, n: int) -> np.ndarray:
    return values[n:]


def twice(values: np.ndarray, out: np.ndarray):
    out[:] = values + values


def test_it_computes_what_python_does_and_holds_nothing():
    values, compiled = np.arange(4.0), borrowing(first)
    held = sys.getrefcount(values)
    assert [compiled(values, 2) for _ in range(9)] == [first(values, 2)] * 9 == [2.0] * 9
    assert sys.getrefcount(values) == held


def test_an_array_cannot_be_given_back():
    with pytest.raises(TypeError, match=r"a_part gives back .*, expected numbers or nothing"):
        borrowing(a_part)


def test_no_array_can_be_made():
    with pytest.raises(NumbaError):
        borrowing(twice)(np.arange(4.0), np.empty(4))


def kernels() -> dict[str, tuple[ast.FunctionDef, str, dict[str, str]]]:
    """By full name, each kernel of the package, its decorator, and what names mean in its module."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text())
        module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        means = {
            alias.asname or alias.name: f"{node.module}.{alias.name}"
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module
            for alias in node.names
        }
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                means[node.name] = f"{module}.{node.name}"
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                decorators = " ".join(map(ast.unparse, node.decorator_list))
                if "njit" in decorators or "borrowing" in decorators:
                    found[f"{module}.{node.name}"] = node, decorators, means
    return found


def test_those_of_the_package_call_each_other_alone():
    known = kernels()
    borrow = {name for name, (_, decorators, _) in known.items() if decorators == "borrowing"}
    assert len(borrow) > 50
    by_tail = {name.rsplit(".", 2)[-2] + "." + name.rsplit(".", 1)[-1]: name for name in known}
    wrong = []
    for name in sorted(borrow):
        node, _, means = known[name]
        for call in ast.walk(node):
            if isinstance(call, ast.Call):
                called, _, rest = ast.unparse(call.func).partition(".")
                full = means.get(called, called) + (f".{rest}" if rest else "")
                full = full if full in known else by_tail.get(".".join(full.rsplit(".", 2)[-2:]), full)
                if full in known and full not in borrow:
                    wrong.append(f"{name} calls {full}")
    assert not wrong


def test_those_without_an_annotation_give_back_nothing():
    wrong = [
        name
        for name, (node, decorators, _) in kernels().items()
        if decorators == "borrowing" and node.returns is None
        for part in ast.walk(node)
        if isinstance(part, ast.Return) and part.value is not None
    ]
    assert not wrong
