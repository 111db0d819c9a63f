"""A data set opened for reading: any sample at once, or one after the other."""

from __future__ import annotations

import hashlib
import operator
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simscale_gym.agents.futures import HumanFutures
from simscale_gym.datagen.layout import (
    MANIFEST,
    RECIPE,
    ROWS,
    SHARDS,
    VOCABULARY,
    parts_of,
    read_json,
    read_rows,
)
from simscale_gym.datagen.sample import DataSample
from simscale_gym.datagen.shard import read_sample
from simscale_gym.errors import DataError

if TYPE_CHECKING:
    import pyarrow


class DataSet:
    """The samples of a folder that ``collect --out`` wrote, in the order of scenes, clips, experts and rounds.

    A folder of data sets, such as DAgger's rounds, is read as one: part after part, in the order of their names.

    A map-style data set for ``torch.utils.data.DataLoader``, which needs nothing of torch. A sample is one read at a
    known place of its shard; nothing is unpacked. It can be sent to other processes. ``webdataset.WebDataset`` reads
    ``shards/*.tar`` as well.

    Args:
        folder: The folder.
        parts: Names of the data sets in it that are read; None for all.

    Raises:
        DataError: It is no data set, or one of another version.

    Attributes:
        folder: The folder.
        parts: Folders of the data sets; the folder itself where it is one.
        recipes: What stands in the ``recipe.json`` of each.
    """

    def __init__(self, folder: str | os.PathLike[str], parts: Sequence[str] | None = None) -> None:
        self.folder = Path(folder).absolute()
        self.parts = parts_of(self.folder) if parts is None else [self.folder / name for name in parts]
        self.recipes: list[dict[str, Any]] = [read_json(part / RECIPE) for part in self.parts]

    @property
    def recipe(self) -> dict[str, Any]:
        """The recipe of the first part."""
        return self.recipes[0]

    @cached_property
    def rows(self) -> pyarrow.Table:
        """A row for each sample (:func:`simscale_gym.datagen.layout.row_schema`), its shard as seen from the folder."""
        import pyarrow as pa

        return pa.concat_tables([self._rows(part) for part in self.parts])

    @cached_property
    def vocabulary(self) -> HumanFutures | None:
        """The trajectories whose scores samples have; None where they have none."""
        path = self.parts[0] / VOCABULARY
        return HumanFutures.load(path) if path.exists() else None

    @cached_property
    def digest(self) -> str:
        """What stands for all samples and the vocabulary of their scores, the same wherever the folder lies.

        Raises:
            DataError: The data set is not finished.
        """
        return hashlib.sha256(repr([_contents(part) for part in self.parts]).encode()).hexdigest()[:16]

    def _rows(self, part: Path) -> pyarrow.Table:
        import pyarrow as pa

        paths = sorted((part / ROWS).glob("*.parquet"))
        if not paths:
            hint = "Give the command that began it again."
            raise DataError(part / ROWS, found="no rows", expected="one file for each scene", hint=hint)
        table = pa.concat_tables([read_rows(path)[1] for path in paths])
        if part == self.folder:
            return table
        place = table.schema.get_field_index("shard")
        shards = pa.array([f"{part.name}/{shard}" for shard in table.column(place).to_pylist()], pa.string())
        return table.set_column(place, "shard", shards)

    def __len__(self) -> int:
        return len(self.rows)

    def row(self, index: int) -> dict[str, Any]:
        """What is said of sample ``index``."""
        place = operator.index(index)
        if not -len(self) <= place < len(self):
            raise IndexError(f"sample {place} of {len(self)}")
        return self.rows.slice(place % len(self), 1).to_pylist()[0]

    def __getitem__(self, index: int) -> DataSample:
        return self.read(self.row(index))

    def read(self, row: Mapping[str, Any]) -> DataSample:
        """The sample of ``row``, one of :attr:`rows`."""
        return read_sample(self.folder / row["shard"], row)

    def __iter__(self) -> Iterator[DataSample]:
        return (self[index] for index in range(len(self)))

    def __getstate__(self) -> dict[str, Any]:
        plain = ("folder", "parts", "recipes")
        return {name: getattr(self, name) for name in plain}  # the rows are read again where they are needed


def _contents(part: Path) -> list[tuple[str, str]]:
    """Names and SHA-256 of the files of a data set that hold samples, or what belongs to them."""
    if not (part / MANIFEST).exists():
        hint = "Give the command that began it again."
        raise DataError(part, found=f"no {MANIFEST}", expected="a finished data set", hint=hint)
    files = read_json(part / MANIFEST)["files"]
    return sorted(
        (name, entry["sha256"])
        for name, entry in files.items()
        if name.startswith(f"{SHARDS}/") or name == VOCABULARY
    )
