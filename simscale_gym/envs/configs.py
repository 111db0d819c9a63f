"""Settings from plain dictionaries, as JSON holds them (``gymnasium.envs.registration.EnvSpec.to_json``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from numbers import Real
from typing import Any, TypeVar, get_type_hints

from simscale_gym.errors import ArgumentError, shown

C = TypeVar("C")


def config_from(name: str, cls: type[C], value: C | Mapping[str, Any]) -> C:
    """A ``cls``: ``value`` itself, or the one of the fields that a mapping gives, nested ones too.

    Args:
        name: Name of the argument, for messages.
        cls: Dataclass to make.
        value: Config, or mapping of its fields: those that are left out keep their defaults, lists stand for tuples.

    Raises:
        ArgumentError: ``value`` is neither, or a field is unknown or no number where one is needed.
    """
    if isinstance(value, cls):
        return value
    if not isinstance(value, Mapping):
        raise ArgumentError(
            f"{name}: {shown(value)}, expected a {cls.__name__} or a dictionary of its fields."
        )
    known, kinds = [field.name for field in fields(cls)], get_type_hints(cls)
    unknown = [key for key in value if key not in known]
    if unknown:
        raise ArgumentError(f"{name}: {unknown[0]!r} is unknown, expected some of {', '.join(known)}.")
    return cls(**{key: _field(f"{name}.{key}", kinds[key], entry) for key, entry in value.items()})


def config_of(name: str, classes: Sequence[type], value: object) -> Any:
    """One of ``classes``, of which a mapping tells by its fields which it is; the first of several that fit."""
    for cls in classes:
        known = {field.name for field in fields(cls)}
        if isinstance(value, cls) or (isinstance(value, Mapping) and known.issuperset(value)):
            return config_from(name, cls, value)
    return config_from(name, classes[0], value)


def _field(name: str, kind: Any, value: object) -> object:
    if is_dataclass(kind):
        return config_from(name, kind, value)
    if kind in (int, float) and not (isinstance(value, Real) and not isinstance(value, bool)):
        raise ArgumentError(f"{name}: {shown(value)}, expected a number.")
    return _as_tuples(value)


def _as_tuples(value: object) -> object:
    return tuple(map(_as_tuples, value)) if isinstance(value, list) else value
