"""How a data set lies on the disk: names of its files, the columns of its rows, and what stands in the head of those.

::

    recipe.json                  format, version, and everything that decides what is in here
    vocabulary.npz               the trajectories whose scores samples have, where they have any (`HumanFutures.load`)
    README.md, card/0.jpg ..     the data card
    shards/000012.tar            samples of scene 12, as the webdataset library names and reads them
    rows/000012.parquet          a row for each of them, written behind the shard: where it is, all is
    manifest.json                every file with its size and SHA-256, written last
    policy.bin                   of rollouts, what the policy was loaded from, where it was

A scene without samples has rows (none of them), and no shard.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simscale_gym.datagen.sample import SCORES
from simscale_gym.errors import DataError, MissingExtraError
from simscale_gym.files.atomic_write import atomic_write
from simscale_gym.perturbation import Telemetry

if TYPE_CHECKING:
    import pyarrow

FORMAT = 2
"""Version of this layout."""
RECIPE, MANIFEST, VOCABULARY, POLICY, CARD, CARD_PICTURES, SHARDS, ROWS = (
    "recipe.json", "manifest.json", "vocabulary.npz", "policy.bin", "README.md", "card", "shards", "rows",
)  # fmt: skip
EXTRA = "data"
"""What is installed for data sets: ``simscale-gym[data]``."""

_HEAD = b"simscale_gym"
_HEAD_NAMES = ("scene", "made_from", "clips", "shard_bytes", "shard_sha256", "skipped")
REPAIR_HINT = "Run: simscale-gym verify DIR --repair."


@dataclass(frozen=True)
class SceneHead:
    """What the rows of a scene say of it as a whole.

    Attributes:
        scene: Id of the scene.
        made_from: Digest of the scene's files (:mod:`simscale_gym.datagen.identity`); "" where they cannot be read.
        clips: Clips that were searched.
        shard_bytes: Size of its shard; 0 where it has none.
        shard_sha256: SHA-256 of its shard; "" where it has none.
        skipped: Why it could not be used; "" where it was.
        telemetry: What became of all candidates.
    """

    scene: str
    made_from: str
    clips: int
    shard_bytes: int
    shard_sha256: str
    skipped: str
    telemetry: Telemetry

    def to_json(self) -> str:
        """As text, the same for the same content."""
        counts = self.telemetry
        plain = {
            **{name: getattr(self, name) for name in _HEAD_NAMES},
            "counts": sorted([*key, n] for key, n in counts.counts.items()),
            "ends": sorted([*key, n] for key, n in counts.ends.items()),
            "candidates": counts.candidates,
            "cells": counts.cells,
        }
        return json.dumps(plain)

    @classmethod
    def from_json(cls, text: str) -> SceneHead:
        """What :meth:`to_json` wrote."""
        plain = json.loads(text)
        counts = Counter({tuple(key): n for *key, n in plain.pop("counts")})
        ends = Counter({tuple(key): n for *key, n in plain.pop("ends")})
        telemetry = Telemetry(counts, ends, plain.pop("candidates"), plain.pop("cells"))
        return cls(**plain, telemetry=telemetry)


def parquet() -> Any:
    """The module ``pyarrow.parquet``.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError("pyarrow", EXTRA) from error
    return pyarrow.parquet


@cache
def row_schema() -> pyarrow.Schema:
    """Columns of a row.

    ``key`` names the sample, ``shard``, ``start_byte``, ``bytes``, ``sha256`` its members; ``frame`` is T, ``present``
    the frame of its now. ``depends_on_unseen`` is whether the label would be another if only what the cameras see were
    there. Scores begin with ``perturbation_`` (null but for perturbed samples) and ``label_``. ``step``, ``by_expert``
    and ``valid`` are those of :class:`simscale_gym.datagen.drives.DrivenStep`, null but for rollouts.
    """
    parquet()
    import pyarrow as pa

    plain = {
        "key": pa.string(), "scene": pa.string(), "log": pa.string(), "source": pa.string(), "kind": pa.string(),
        "expert": pa.string(), "round": pa.int32(), "vocabulary_index": pa.int32(), "seed": pa.int64(),
        "frame": pa.int32(), "present": pa.int32(), "timestamp_us": pa.int64(), "offset_along": pa.float64(),
        "offset_across": pa.float64(), "offset_turn": pa.float64(), "render_quality": pa.float32(),
        "boxes": pa.int32(), "depends_on_unseen": pa.bool_(), "step": pa.int32(), "by_expert": pa.bool_(),
        "valid": pa.bool_(), "shard": pa.string(), "start_byte": pa.int64(), "bytes": pa.int64(),
        "sha256": pa.string(),
    }  # fmt: skip
    scores = {f"{what}_{code}": pa.float32() for what in ("perturbation", "label") for code in SCORES}
    return pa.schema(list((plain | scores).items()))


def parts_of(folder: Path) -> list[Path]:
    """Where the samples of ``folder`` lie: in itself, or in the data sets in it, in the order of their names."""
    if (folder / RECIPE).exists():
        return [folder]
    return sorted(path.parent for path in folder.glob(f"*/{RECIPE}")) or [folder]


def shard_name(index: int) -> str:
    """Path of a scene's shard inside its data set."""
    return f"{SHARDS}/{index:06d}.tar"


def rows_name(index: int) -> str:
    """Path of a scene's rows inside its data set."""
    return f"{ROWS}/{index:06d}.parquet"


def write_rows(path: Path, head: SceneHead, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes the rows of a scene, whole or not at all."""
    import pyarrow as pa

    schema = row_schema().with_metadata({_HEAD: head.to_json()})
    with atomic_write(path) as built:
        parquet().write_table(pa.Table.from_pylist(list(rows), schema), built, compression="zstd")


def read_rows(path: Path) -> tuple[SceneHead, pyarrow.Table]:
    """The rows of a scene.

    Raises:
        DataError: They are damaged, or of another version.
    """
    import pyarrow as pa

    expected = f"rows of a data set of format {FORMAT}"
    try:
        table = parquet().read_table(path)
        head = SceneHead.from_json((table.schema.metadata or {})[_HEAD])
    except (OSError, pa.ArrowException, KeyError, ValueError, TypeError) as error:
        found = f"{type(error).__name__} ({error})"[:200]
        raise DataError(path, found=found, expected=expected, hint=REPAIR_HINT) from error
    if not table.schema.equals(row_schema()):
        found = "other columns"
        raise DataError(path, found=found, expected=expected, hint=REPAIR_HINT)
    return head, table.replace_schema_metadata(None)


def read_json(path: Path) -> dict[str, Any]:
    """What a JSON file of a data set says.

    Raises:
        DataError: It is not there, or damaged.
    """
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        hint = "Name the folder that collect --out wrote."
        raise DataError(path, found="no such file", expected="a file of a data set", hint=hint) from error
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(path, found=f"no JSON ({error})"[:200], expected="a file of a data set") from error
    if not isinstance(plain, dict) or plain.get("format") != FORMAT:
        found = plain.get("format") if isinstance(plain, dict) else type(plain).__name__
        hint = "Read it with the version that wrote it, or collect anew."
        raise DataError(path, field="format", found=f"{found}"[:60], expected=f"{FORMAT}", hint=hint)
    return plain


def write_json(path: Path, plain: Mapping[str, Any]) -> None:
    """Writes a JSON file, whole or not at all."""
    with atomic_write(path) as built:
        built.write_text(json.dumps({"format": FORMAT, **plain}, indent=1) + "\n", encoding="utf-8")
