"""What is worked out from a map or a scene once, and goes when that goes."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

T = TypeVar("T")

_NAME = "_derived"


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
        results = owner.__dict__.get(_NAME)
        if results is None:
            results = owner.__dict__[_NAME] = _Derived()
        key = (name, *args)
        if key not in results:
            results[key] = function(owner, *args)
        return results[key]

    return kept
