"""Columns of Parquet and Feather files: named where missing, checked before memory is taken for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simscale_gym.errors import DataError, MissingExtraError
from simscale_gym.sources.argoverse2.arrow_stream import MAGIC, declared_bytes

Columns = dict[str, NDArray[Any]]
"""Columns by name, all of one length: float64, int64, or text as objects."""

MAX_ROWS = 2_000_000
"""A table with more rows is refused; a log of 16 s has some ten thousand."""

MAX_BYTES = 2**30
"""A table that says it takes more memory than this [byte] is refused, as is a larger file."""

_WILD = 1e18  # times in nanoseconds have 3e17
_WORDS = {float: "a column of numbers", int: "a column of whole numbers", str: "a column of text"}


def read_columns(path: Path, wanted: Mapping[str, type]) -> Columns:
    """The columns ``wanted`` (their types: float, int or str) of a ``.parquet`` or ``.feather`` file.

    Raises:
        DataError: No such file, no such table, too large, a column is missing, of another type, or has gaps.
        MissingExtraError: Without the package pyarrow.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError("pyarrow, which Argoverse 2 needs,", "data") from None
    kind = "a Parquet file" if path.suffix == ".parquet" else "a Feather file (version 2)"
    if not path.is_file():
        raise DataError(path, found="no such file", expected=kind, hint="Download the whole folder.")
    _require_size(path, path.stat().st_size, "bytes", MAX_BYTES)
    try:
        table = _parquet(path, wanted) if path.suffix == ".parquet" else _feather(path, wanted)
        table.validate(full=True)
        return {name: _values(path, name, table.column(name), kind) for name, kind in wanted.items()}
    except (pa.ArrowException, OSError, ValueError) as error:
        found = f"a broken one ({' '.join(str(error).split())[:120]})"
        raise DataError(path, found=found, expected=kind, hint="Download it again.") from None


def _parquet(path: Path, wanted: Mapping[str, type]) -> Any:
    from pyarrow import parquet

    meta = parquet.read_metadata(path)
    _require_columns(path, meta.schema.names, wanted)
    _require_size(path, meta.num_rows, "rows", MAX_ROWS)
    groups = sum(meta.row_group(i).total_byte_size for i in range(meta.num_row_groups))
    _require_size(path, groups, "bytes once unpacked", MAX_BYTES)
    texts = [name for name, kind in wanted.items() if kind is str]  # of which each value is kept once
    with parquet.ParquetFile(path, metadata=meta, read_dictionary=texts) as file:
        return file.read(columns=list(wanted), use_threads=False)


def _feather(path: Path, wanted: Mapping[str, type]) -> Any:
    import pyarrow as pa

    data = path.read_bytes()
    if not data.startswith(MAGIC) or not data.endswith(MAGIC):
        raise ValueError(f"it begins or ends without {MAGIC.decode()}")
    stream = pa.py_buffer(data)[8:]  # the file is a stream between marks; what lies elsewhere is not read
    _require_size(path, declared_bytes(stream), "bytes once unpacked", MAX_BYTES)
    with pa.ipc.open_stream(stream) as reader:
        names = reader.schema.names
        _require_columns(path, names, wanted)
    options = pa.ipc.IpcReadOptions(use_threads=False, included_fields=[names.index(name) for name in wanted])
    with pa.ipc.open_stream(stream, options=options) as reader:
        return reader.read_all()


def _require_size(path: Path, found: int, unit: str, most: int) -> None:
    if not 0 <= found <= most:
        raise DataError(path, found=f"{found} {unit}", expected=f"at most {most}")


def _require_columns(path: Path, names: Sequence[str], wanted: Mapping[str, type]) -> None:
    for name, kind in wanted.items():
        if list(names).count(name) != 1:
            found = f"{list(names).count(name)} of that name among {', '.join(names)[:200]}"
            raise DataError(path, field=name, found=found, expected=_WORDS[kind])


def _values(path: Path, name: str, column: Any, kind: type) -> NDArray[Any]:
    from pyarrow import types

    _require_size(path, len(column), "rows", MAX_ROWS)
    coded = types.is_dictionary(column.type)
    stored = column.type.value_type if coded else column.type
    whole, number = types.is_integer(stored), types.is_integer(stored) or types.is_floating(stored)
    text = types.is_string(stored) or types.is_large_string(stored)
    if not {float: number, int: whole, str: text}[kind]:
        raise DataError(path, field=name, found=f"the type {column.type}", expected=_WORDS[kind])
    if column.null_count:
        raise DataError(path, field=name, found=f"{column.null_count} empty rows", expected="a value in each")
    if kind is str:
        coded = column.unify_dictionaries() if coded else column.dictionary_encode()
        words = coded.chunk(0).dictionary.to_pylist() if coded.num_chunks else []
        return np.array(words, object)[_joined([chunk.indices for chunk in coded.chunks])]
    values = np.asarray((column.cast(stored) if coded else column).to_numpy())
    if kind is int:
        return values.astype(np.int64)
    values = values.astype(np.float64)
    wild = ~(np.abs(values) < _WILD)
    if wild.any():
        found = f"{wild.sum()} rows NaN, infinite or beyond {_WILD:g}"
        raise DataError(path, field=name, found=found, expected="finite numbers")
    return values


def _joined(chunks: list[Any]) -> NDArray[np.int64]:
    return np.concatenate([np.zeros(0, np.int64), *(chunk.to_numpy() for chunk in chunks)]).astype(np.int64)
