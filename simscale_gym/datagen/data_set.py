"""A data set opened for reading: any sample at once, or one after the other."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simscale_gym.datagen.layout import RECIPE, ROWS, read_json, read_rows
from simscale_gym.datagen.sample import DataSample
from simscale_gym.datagen.shard import read_sample
from simscale_gym.errors import DataError

if TYPE_CHECKING:
    import pyarrow


class DataSet:
    """The samples of a folder that ``collect --out`` wrote, in the order of scenes, clips, experts and rounds.

    A map-style data set for ``torch.utils.data.DataLoader``, which needs nothing of torch. A sample is one read at a
    known place of its shard; nothing is unpacked. It can be sent to other processes. ``webdataset.WebDataset`` reads
    ``shards/*.tar`` as well.

    Args:
        folder: The folder.

    Raises:
        DataError: It is no data set, or one of another version.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder).absolute()
        self.recipe: dict[str, Any] = read_json(self.folder / RECIPE)

    @cached_property
    def rows(self) -> pyarrow.Table:
        """A row for each sample (:func:`simscale_gym.datagen.layout.row_schema`)."""
        import pyarrow as pa

        paths = sorted((self.folder / ROWS).glob("*.parquet"))
        if not paths:
            hint = "Give the command that began it again."
            raise DataError(
                self.folder / ROWS, found="no rows", expected="one file for each scene", hint=hint
            )
        return pa.concat_tables([read_rows(path)[1] for path in paths])

    def __len__(self) -> int:
        return len(self.rows)

    def row(self, index: int) -> dict[str, Any]:
        """What is said of sample ``index``."""
        place = operator.index(index)
        if not -len(self) <= place < len(self):
            raise IndexError(f"sample {place} of {len(self)}")
        return self.rows.slice(place % len(self), 1).to_pylist()[0]

    def __getitem__(self, index: int) -> DataSample:
        row = self.row(index)
        return read_sample(self.folder / row["shard"], row)

    def __iter__(self) -> Iterator[DataSample]:
        return (self[index] for index in range(len(self)))

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder, "recipe": self.recipe}  # the rows are read again where they are needed
