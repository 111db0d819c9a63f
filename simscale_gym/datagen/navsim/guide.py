"""The README of an export: what to set and to copy so that NAVSIM finds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from simscale_gym.datagen.navsim.configs import COMMON, TRAINING
from simscale_gym.datagen.navsim.frames import FRAMES_BEFORE
from simscale_gym.scene import CAMERA_NAMES

GUIDE = "README.md"

_SCRIPTS = "$NAVSIM_DEVKIT_ROOT/navsim/planning/script"
_ENVIRONMENT = (
    "# In the folder of this README. For nuPlan's own logs NUPLAN_MAPS_ROOT is where their maps are.",
    "export OPENSCENE_DATA_ROOT=$PWD NUPLAN_MAPS_ROOT=$PWD/maps NAVSIM_EXP_ROOT=$PWD/../exp",
    'FOUND="hydra.searchpath=[pkg://navsim.planning.script.config.common,file://$PWD/config/common]"',
)
_MAPS = (
    "`maps` is made up, and only borrows the name of a city: never mix it with nuPlan's. Nothing but logs may lie in "
    "`navsim_logs`: NAVSIM opens all that it finds there."
)


def camera_note(spec: Mapping[str, Any], frames: int = FRAMES_BEFORE) -> str:
    """Which pictures NAVSIM's agents will miss, in words; "" where they have all that they may ask for.

    Args:
        spec: Spec of the data set, in plain values.
        frames: Frames up to the present that are asked for.
    """
    missing = [name.upper() for name in CAMERA_NAMES if name not in spec["cameras"]]
    notes = []
    if missing:
        cameras = f"of {', '.join(missing)}" if len(missing) < len(CAMERA_NAMES) else "at all"
        notes.append(f"There are no pictures {cameras}")
    if spec["history"] + 1 < frames:
        notes.append(f"there are pictures of {spec['history'] + 1} of {frames} frames up to the present")
    if not notes:
        return ""
    return (
        f"{'; '.join(notes)}: agents that ask for others, as SimScale's do, stop at a KeyError 'data_path'."
    )


def navsim_guide(spec: Mapping[str, Any], sets: Sequence[str], ahead: int) -> bytes:
    """The README of an export for scoring in one stage and for training."""
    return _text(
        "# Driving samples for NAVSIM",
        f"Made by simscale-gym from samples of `{spec['scenes']}`. Sets: {', '.join(sets) or 'none'}. Each log holds "
        f"one sample: {FRAMES_BEFORE} frames up to its present and {ahead} behind it. {_MAPS}",
        camera_note(spec),
        _shell(
            *_ENVIRONMENT,
            f"SET={sets[0] if sets else 'SET'}",
            f'python {_SCRIPTS}/run_metric_caching.py train_test_split=$SET "$FOUND"',
            f'python {_SCRIPTS}/run_pdm_score_one_stage.py train_test_split=$SET "$FOUND" experiment_name=$SET \\',
            "    agent=human_agent scorer.config.human_penalty_filter=False",
        ),
        "Simulated logs show an expert where others show the human, so the human filter is switched off.",
        f"For SimScale's training, copy `{TRAINING}` and `{COMMON}` over the folders of these names in `{_SCRIPTS}`, "
        "and give each set to its `run_dataset_caching.py`."
        + (" For rewards, `export NAVSIM_TRAJPDM_ROOT=$PWD/rewards`." if spec.get("scores") else ""),
    )


def two_stage_guide(split: str, specs: Sequence[Mapping[str, Any]], pairs: int, starts: int) -> bytes:
    """The README of an export for scoring in two stages."""
    notes = dict.fromkeys(camera_note(spec, FRAMES_BEFORE + 1) for spec in specs)
    return _text(
        "# Two-stage evaluation in NAVSIM",
        f"Made by simscale-gym from samples of `{specs[0]['scenes']}`: {pairs} pairs of the log, and {starts} pairs of "
        f"perturbed starts around where they end. {_MAPS}",
        *notes,
        _shell(
            *_ENVIRONMENT,
            f'python {_SCRIPTS}/run_metric_caching.py train_test_split={split} "$FOUND"',
            f'python {_SCRIPTS}/run_pdm_score.py train_test_split={split} "$FOUND" experiment_name={split} \\',
            "    agent=constant_velocity_agent",
        ),
    )


def suite_guide(split: str, suite: str, pairs: int, starts: int, plans: Sequence[str]) -> bytes:
    """The README of a suite that was exported with planners' plans."""
    return _text(
        f"# The suite {suite} for NAVSIM",
        f"Made by simscale-gym: {pairs} pairs of the log, and {starts} pairs of starts off it. {_MAPS} There are no "
        "pictures: the plans of planners that were asked lie in `plans`, and `planned_agent.py` gives them to NAVSIM. "
        f"`simscale-gym evaluate {suite} --rules navsim --parts plans` has the same scores.",
        _shell(
            *_ENVIRONMENT,
            "export PYTHONPATH=$PWD:$PYTHONPATH",
            f'python {_SCRIPTS}/run_metric_caching.py train_test_split={split} "$FOUND"',
            f"PLANS={plans[0] if plans else 'FILE'}",
            f'python {_SCRIPTS}/run_pdm_score.py train_test_split={split} "$FOUND" experiment_name={split} \\',
            "    agent=planned_agent agent.plans=$PWD/$PLANS",
        ),
    )


def _shell(*lines: str) -> str:
    return "\n".join(["```sh", *lines, "```"])


def _text(*paragraphs: str) -> bytes:
    return ("\n\n".join(filter(None, paragraphs)) + "\n").encode()
