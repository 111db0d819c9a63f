"""The data card: what a data set is, in words and four pictures, for whoever finds the folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from simscale_gym.datagen.data_set import DataSet
from simscale_gym.datagen.layout import CARD, CARD_PICTURES, MANIFEST, ROWS, read_rows
from simscale_gym.datagen.manifest import skipped_scenes
from simscale_gym.datagen.sample import DataSample
from simscale_gym.datagen.shard import encoded_picture
from simscale_gym.datagen.spec import DataSpec
from simscale_gym.datagen.tape import PERSON
from simscale_gym.datagen.yield_table import ends_of_rollouts
from simscale_gym.files.atomic_write import atomic_write
from simscale_gym.perturbation import Telemetry

_SHOWN = 4
_NAMED = 20  # scenes that were skipped
_TAKEN = {"render": "rendered", "log": "recorded"}
_WHAT = {
    "perturbed": "Perturbed starts off the log with trusted labels of pseudo-experts (Algorithm 1 of SimScale, arXiv "
    "2511.23369): the past shows the way off the log, the target the expert's way on.",
    "rollout": "States that a policy came to in closed loop from perturbed starts, the targets what an expert would "
    "do there (DAgger).",
    "log": "Clips on the log with the human's way on as target.",
    PERSON: "States of drives that a person took over, the targets how they drove on and what experts would do there "
    "(HG-DAgger).",
}


def total_telemetry(folder: Path) -> Telemetry:
    """What became of all candidates of a data set."""
    total = Telemetry()
    for path in sorted((folder / ROWS).glob("*.parquet")):
        total.add(read_rows(path)[0].telemetry)
    return total


def write_card(folder: Path, spec: DataSpec) -> None:
    """Write README.md and its pictures; the same for the same data set."""
    data_set = DataSet(folder)
    shown = len(data_set) and spec.cameras
    chosen = np.unique(np.linspace(0, len(data_set) - 1, _SHOWN).astype(int)) if shown else []
    pictures = []
    for number, index in enumerate(chosen):
        name = f"{CARD_PICTURES}/{number}.jpg"
        with atomic_write(folder / name) as built:
            built.write_bytes(encoded_picture(_side_by_side(data_set[int(index)], spec), "jpg", 90))
        pictures.append(f"![{data_set.row(int(index))['key']}]({name})")
    with atomic_write(folder / CARD) as built:
        built.write_text("\n".join(_lines(data_set, spec, pictures)) + "\n", encoding="utf-8")


def _side_by_side(sample: DataSample, spec: DataSpec) -> np.ndarray:
    return np.concatenate([sample.pictures[name] for name in spec.cameras], axis=1)


def _lines(data_set: DataSet, spec: DataSpec, pictures: Sequence[str]) -> list[str]:
    rows = data_set.rows
    scenes, logs = (len(rows.column(name).unique()) for name in ("scene", "log"))
    height, width = spec.image_size
    seen = (
        f"{_TAKEN[spec.camera_source]} through {', '.join(spec.cameras)} at {width}x{height}, with {spec.history} "
        f"earlier and {spec.future} later pictures of each"
        if spec.cameras
        else "without pictures"
    )
    kept = "every value of `spec` in `recipe.json`"
    return [
        f"# {len(rows)} {spec.kind} driving samples",
        "",
        f"{_WHAT[PERSON if _by_person(spec) else spec.kind]} {len(rows)} samples of {scenes} scenes and {logs} logs "
        f"of `{spec.scenes}`, split `{spec.split}`, {seen}.",
        "",
        *pictures,
        "",
        "## How it was made",
        "",
        f"By simscale-gym {data_set.recipe['version']}, `simscale-gym collect --kind {spec.kind} --scenes "
        f"{spec.scenes} --split {spec.split} --seed {spec.seed} ..`; {kept} decides its bytes:",
        "",
        "```json",
        json.dumps(data_set.recipe["spec"], indent=1),
        "```",
        "",
        *_yields(total_telemetry(data_set.folder), spec),
        *_skipped(data_set.folder),
        "## How to read it",
        "",
        "`simscale_gym.datagen.DataSet(folder)[i]` gives a sample. `shards/*.tar` are webdataset shards: pictures,",
        "`arrays.npz`, `moments.npz` and `row.json` of each sample; `rows/*.parquet` is the table of all. "
        f"`{MANIFEST}` has the SHA-256 of every",
        "file; `simscale-gym verify` holds the folder against it.",
    ]


def _skipped(folder: Path) -> list[str]:
    skipped = list(skipped_scenes(folder).values())
    if not skipped:
        return []
    more = [f"- and {len(skipped) - _NAMED} more"] if len(skipped) > _NAMED else []
    return ["## Skipped", "", *(f"- {told}" for told in skipped[:_NAMED]), *more, ""]


def _by_person(spec: DataSpec) -> bool:
    return spec.rollout is not None and spec.rollout.policy == PERSON


def _yields(telemetry: Telemetry, spec: DataSpec) -> list[str]:
    if spec.kind == "rollout":
        told = spec.rollout
        driver = f"`{told.policy}` drove, with a chance of {told.beta} the expert instead, drawn for each {told.coin}."
        if _by_person(spec):
            driver = "A person drove, alone or in turns with a policy; `policy.bin` has every action."
        return ["## Rollouts", "", f"{driver} {ends_of_rollouts(telemetry)}.", ""]
    if spec.kind != "perturbed":
        return []
    head = ["## Yield", "", f"Of {telemetry.clips} clips:", "", "| expert | round | samples | of the clips |"]
    rows = [
        f"| {expert} | {k + 1} | {accepted} | {100 * accepted / max(telemetry.clips, 1):.1f} % |"
        for expert in spec.experts
        for k in range(spec.rounds)
        for accepted in [telemetry.accepted(expert, k)]
    ]
    return [*head, "|---|---|---|---|", *rows, ""]
