"""Names that a package offers and loads when they are first asked for, so that importing it costs nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from simscale_gym.errors import MissingExtraError


def lazy_names(
    package: str, modules: Mapping[str, str], *, needs: Sequence[str] = (), extra: str = ""
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The ``__getattr__`` and ``__dir__`` of ``package``.

    Args:
        package: The package's ``__name__``.
        modules: Module of the package that defines each public name, by that name; a public module stands beside its
            own name.
        needs: Packages of others without which none of them loads.
        extra: The extra that brings these.

    Returns:
        Functions for a package's ``__init__`` to keep under these names (PEP 562).
    """

    def get(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        for needed in needs:
            if find_spec(needed) is None:
                raise MissingExtraError(needed, extra)
        module = import_module(f"{package}.{modules[name]}")
        value = module if modules[name] == name else getattr(module, name)
        setattr(sys.modules[package], name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *modules})

    return get, names
