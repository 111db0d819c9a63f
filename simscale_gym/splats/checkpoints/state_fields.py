"""Parts of a state dictionary, whose keys nest by dots in their names."""

from __future__ import annotations

from simscale_gym.files.fields import Fields


def below(fields: Fields, prefix: str) -> Fields:
    """The keys that start with `prefix`, without it."""
    start = len(prefix)
    values = {key[start:]: value for key, value in fields.values.items() if key.startswith(prefix)}
    return Fields(fields.path, fields.at(prefix.removesuffix(".")), values)


def without(fields: Fields, key: str) -> Fields:
    """All but one key, which need not be there."""
    values = {name: value for name, value in fields.values.items() if name != key}
    return Fields(fields.path, fields.place, values)
