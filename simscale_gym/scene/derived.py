"""What is worked out from a map or a scene once: kept with it, and on disk where the cache has it compiled."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from simscale_gym.files.shelf import Shelf

T = TypeVar("T")

NAME = "_derived"
"""Attribute in which an object keeps what was derived from it."""
_SHELF = "_shelf"


class _Derived(dict):
    """Results by function and arguments; left behind when their owner is pickled or copied."""

    def __reduce__(self) -> tuple[type[_Derived], tuple[()]]:
        return _Derived, ()


def derived(function: Callable[..., T]) -> Callable[..., T]:
    """Keep the results of a pure function with its first argument, as ``cached_property`` keeps a property.

    The first argument is an immutable object with a ``__dict__`` (a frozen dataclass); the others are hashable and
    positional. Unlike ``lru_cache`` this holds no object of which nobody else knows any more.
    """
    name = f"{function.__module__}.{function.__qualname__}"

    @wraps(function)
    def kept(owner: Any, *args: Any) -> T:
        results = owner.__dict__.get(NAME)
        if results is None:
            results = owner.__dict__[NAME] = _Derived()
        key = (name, *args)
        if key not in results:
            results[key] = function(owner, *args)
        return results[key]

    return kept


def compiled(*classes: type) -> Callable[[Callable[[Any], T]], Callable[[Any], T]]:
    """Keep the result of a pure function of one object as :func:`derived` does, and beside its owner's shelf on disk.

    So no process works it out that finds it there. What has no shelf (a scene in memory, a changed copy) keeps it in
    memory alone.

    Args:
        *classes: The records that the result consists of besides arrays and plain values.
    """

    def of(function: Callable[[Any], T]) -> Callable[[Any], T]:
        name = f"{function.__module__}.{function.__qualname__}".removeprefix("simscale_gym.")

        @derived
        @wraps(function)
        def kept(owner: Any) -> T:
            shelf: Shelf | None = owner.__dict__.get(_SHELF)
            return function(owner) if shelf is None else shelf.kept(name, classes, lambda: function(owner))

        return kept

    return of


def shelve(owner: Any, shelf: Shelf | None) -> None:
    """Have what is :func:`compiled` from ``owner``, which the cache holds, kept on ``shelf``."""
    owner.__dict__[_SHELF] = shelf


def shelf_of(owner: Any) -> Shelf | None:
    """The shelf of ``owner``; None for what no cache holds."""
    return owner.__dict__.get(_SHELF)
