"""The YAML files with which NAVSIM and SimScale's training code find the sets of an export."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from simscale_gym.datagen.navsim.frames import FRAMES_BEFORE

COMMON, TRAINING = "config/common/train_test_split", "config/training"
"""Folders as NAVSIM's ``planning/script`` has them: the first is put on hydra's search path, files of the second are
copied."""

_VALIDATED = 6  # every sixth recorded log is for validation, as in navtrain


class _Quoted(str):
    """Text in quotes: a token like 12345e678 is a number to hydra."""


class _Writer(yaml.SafeDumper):
    pass


_Writer.add_representer(
    _Quoted, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, "'")
)


def as_yaml(value: Mapping[str, Any]) -> bytes:
    """``value`` as YAML; strings in lists are quoted."""
    return yaml.dump(_quoted(value), Dumper=_Writer, sort_keys=False, width=1000).encode()


def _quoted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _quoted(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_Quoted(item) if isinstance(item, str) else _quoted(item) for item in value]
    return value


def scene_filter(logs: Sequence[str], tokens: Sequence[str], behind: int, **more: Any) -> dict[str, Any]:
    """What ``navsim.common.dataclasses.SceneFilter`` is made of, for scenes with ``behind`` later frames."""
    return {
        "_target_": "navsim.common.dataclasses.SceneFilter",
        "_convert_": "all",
        "num_history_frames": FRAMES_BEFORE,
        "num_future_frames": behind,
        "frame_interval": 1,
        "has_route": True,
        "max_scenes": None,
        "log_names": list(logs),
        "tokens": list(tokens),
        **more,
    }


def split_files(name: str, filter_values: Mapping[str, Any], **more: Any) -> dict[str, bytes]:
    """Files that make ``train_test_split=name`` work, by their path."""
    split = {"defaults": [{"scene_filter": name}], "data_split": name, **more}
    return {
        f"{COMMON}/{name}.yaml": as_yaml(split),
        f"{COMMON}/scene_filter/{name}.yaml": as_yaml(filter_values),
    }


def log_split(bases: Mapping[str, str]) -> dict[str, list[str]]:
    """Logs for training and for validation, by recorded logs, so that no clip is in both.

    Args:
        bases: The recorded log of each log.
    """
    recorded = sorted(set(bases.values()))
    validated = set(recorded[::_VALIDATED]) if len(recorded) > 1 else set()
    return {
        "train_logs": [log for log, base in bases.items() if base not in validated],
        "val_logs": [log for log, base in bases.items() if base in validated],
    }


def log_split_name(set_name: str) -> str:
    """Name of the file in which the training code looks for the logs of a set."""
    prefix, found, rest = set_name.partition("navtrain_reaction_")
    if found and not prefix:
        return f"default_log_split_synthetic_reation_{rest}.yaml"  # so spelt there
    return "default_train_val_test_log_split.yaml"
