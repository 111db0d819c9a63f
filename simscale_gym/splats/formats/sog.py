"""PlayCanvas's SOG, version 2: one pixel a Gaussian in lossless WebP images, and JSON that says how to read them.

Layout: PlayCanvas, splat-transform, `read-sog.ts` and `write-sog.ts`. Positions have 16 bits in two images, on a
logarithmic axis; scales and first coefficients are places in a table of 256 numbers; rotations are the three smaller
components and the place of the largest; further coefficients are rows of a palette. A `.sog` is a zip of it all;
unpacked, it is a folder.
"""

from __future__ import annotations

import io
import json
import math
import warnings
import zipfile
import zlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from simscale_gym.errors import DataError, shown
from simscale_gym.files.stored_archive import BROKEN_ARCHIVE
from simscale_gym.splats.formats.activation import Parts, gathered
from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.spherical_harmonics import TERMS_BY_DEGREE

MANIFEST = "meta.json"

_MAX_MANIFEST_BYTES = 2**20
_MAX_PER_BYTE = 1
"""Gaussians that one byte of the images may hold; real files take some 12 bytes for each, empty images next to none."""
_PALETTE_WIDTH = 64
_TAG = 252  # of a rotation whose w is largest; 253 to 255: x, y, z
_WXYZ = np.array([[3, 0, 1, 2], [0, 3, 1, 2], [0, 1, 3, 2], [0, 1, 2, 3]])
"""Columns of w, x, y and z among the three small components and then the largest; one row for each of w, x, y, z that
may be the largest."""


def is_sog(names: Collection[str]) -> bool:
    """Whether an archive with these members is one of SOG."""
    return MANIFEST in names and any(name.endswith(".webp") for name in names)


def is_sog_folder(path: Path) -> bool:
    """Whether ``path`` is a folder with the files of one."""
    return path.is_dir() and is_sog([item.name for item in path.iterdir()])


def load_sog(path: Path) -> Gaussians:
    """Reads a `.sog`, or the folder that one was unpacked to.

    Raises:
        DataError: Version 1, an image or table that is missing or of another size, or a damaged archive.
    """
    if path.is_dir():
        sizes = (item.stat().st_size for item in path.iterdir() if item.is_file())
        return _Sog.open(path, sum(sizes), partial(_file, path)).gaussians()
    try:
        with zipfile.ZipFile(path) as archive:
            return _Sog.open(path, path.stat().st_size, partial(_member, path, archive)).gaussians()
    except BROKEN_ARCHIVE as error:
        raise DataError(path, found=f"a damaged archive ({error})"[:120], expected="a zip, whole") from error


@dataclass(frozen=True)
class _Sog:
    """A manifest whose size has been held against the images.

    Attributes:
        path: The file or folder, for errors.
        size: Its bytes.
        read: Bytes of a member by its name, and how many there may be.
        meta: The manifest.
        count: Number of Gaussians.
    """

    path: Path
    size: int
    read: Callable[[str, int], bytes]
    meta: dict[str, Any]
    count: int

    @classmethod
    def open(cls, path: Path, size: int, read: Callable[[str, int], bytes]) -> _Sog:
        data = read(MANIFEST, _MAX_MANIFEST_BYTES)
        try:
            meta = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise DataError(path, field=MANIFEST, found=str(error)[:100], expected="JSON") from None
        version = meta.get("version", 1) if isinstance(meta, dict) else None
        if version != 2:
            hint = "Convert it with splat-transform: splat-transform old.sog new.ply"
            raise DataError(path, field="version", found=shown(version), expected="2", hint=hint)
        count, most = meta.get("count"), _MAX_PER_BYTE * size
        if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count <= most:
            expected = f"a number up to {most}, for a file of this size"
            raise DataError(path, field="count", found=shown(count), expected=expected)
        return cls(path, size, read, meta, count)

    def gaussians(self) -> Gaussians:
        low, high = self.image("means", 0), self.image("means", 1)
        first, last = (self.numbers("means", key, 3)[:, None].T for key in ("mins", "maxs"))
        quats, scales, colors = self.image("quats"), self.image("scales"), self.image("sh0")
        with np.errstate(over="ignore"):  # what is used of it is checked
            scale_of = np.exp(self.numbers("scales", "codebook", 256))
        color_of = self.numbers("sh0", "codebook", 256)
        further = self.further()

        def part(rows: slice) -> Parts:
            levels = low[rows, :3] + 256.0 * high[rows, :3]
            logs = first + (last - first) * (levels / 65535.0)
            means = np.sign(logs) * np.expm1(np.abs(logs))
            some, opacities = colors[rows], colors[rows, 3] / 255.0
            scaled = scale_of[scales[rows, :3]]
            return means, _quats(quats[rows]), scaled, opacities, color_of[some[:, :3]], further(rows)

        return gathered(self.path, self.count, further(slice(0)).shape[1] + 1, part)

    def further(self) -> Callable[[slice], np.ndarray]:
        """Coefficients behind the first of some rows, `[n, K - 1, 3]`."""
        if "shN" not in self.meta:
            return lambda rows: np.zeros((len(range(*rows.indices(self.count))), 0, 3))
        table = self.table("shN")
        degree, entries = table.get("bands"), table.get("count")
        plain = type(degree) is int and type(entries) is int
        if not plain or not 1 <= degree <= 3 or not 0 < entries <= 2**16:
            found = f"bands {shown(degree, 20)}, count {shown(entries, 20)}"
            raise DataError(self.path, field="shN", found=found, expected="bands 1 to 3, count 1 to 65536")
        terms = TERMS_BY_DEGREE[degree] - 1
        lines = -(-entries // _PALETTE_WIDTH)
        palette = self.pixels("shN", 0, (terms * _PALETTE_WIDTH, lines))[..., :3]
        palette = palette.reshape(-1, terms, 3)
        values, labels = self.numbers("shN", "codebook", 256), self.image("shN", 1)

        def rows_of(rows: slice) -> np.ndarray:
            label = labels[rows, 0] + 256 * labels[rows, 1].astype(np.intp)
            known = label < entries
            return values[palette[np.where(known, label, 0)]] * known[:, None, None]

        return rows_of

    def table(self, name: str) -> dict[str, Any]:
        value = self.meta.get(name)
        if not isinstance(value, dict):
            raise DataError(self.path, field=name, found=shown(value), expected="an object")
        return value

    def numbers(self, name: str, key: str, length: int) -> np.ndarray:
        """A list of numbers of the manifest, float64."""
        values = self.table(name).get(key)
        plain = isinstance(values, list) and all(type(v) in (int, float) for v in values)
        if not plain or len(values) != length:
            found = f"{len(values)} values" if isinstance(values, list) else shown(values)
            raise DataError(self.path, field=f"{name}.{key}", found=found, expected=f"{length} numbers")
        with np.errstate(all="ignore"):  # what is too large becomes infinite and is named
            return np.array([float(value) if abs(value) < 1e300 else math.inf for value in values])

    def image(self, name: str, index: int = 0) -> np.ndarray:
        """One row of red, green, blue and alpha per Gaussian: `[count, 4]` uint8."""
        pixels = self.pixels(name, index).reshape(-1, 4)
        return pixels[: self.count]

    def pixels(self, name: str, index: int, size: tuple[int, int] | None = None) -> np.ndarray:
        """Pixels `[H, W, 4]` of an image, whose size is that given or enough for all Gaussians, and not much more."""
        field, files = f"{name}.files[{index}]", self.table(name).get("files")
        if not isinstance(files, list) or len(files) <= index or not isinstance(files[index], str):
            raise DataError(self.path, field=field, found=shown(files), expected="names of images")
        data = self.read(files[index], self.size)
        from PIL import Image  # only these files need it

        try:
            with warnings.catch_warnings():  # its size is held against the manifest's
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)
                opened = Image.open(io.BytesIO(data), formats=["WEBP"])
            with opened as image:
                width, height = image.size
                room = width * height
                fits = self.count <= room <= 2 * self.count + 4096 if size is None else image.size == size
                if not fits:
                    expected = f"{self.count} pixels or somewhat more" if size is None else f"{size}"
                    raise DataError(self.path, field=field, found=f"{width} x {height}", expected=expected)
                return np.asarray(image.convert("RGBA"))
        except (Image.DecompressionBombError, OSError, EOFError, ValueError, MemoryError) as error:
            raise DataError(self.path, field=field, found=str(error)[:100], expected="WebP, whole") from None


def _quats(pixels: np.ndarray) -> np.ndarray:
    """Rotations wxyz `[N, 4]`; those with another tag are none, hence zero, as is what has no largest component."""
    small = (pixels[:, :3] / 255.0 * 2.0 - 1.0) / np.sqrt(2.0)
    largest = np.sqrt(np.maximum(0.0, 1.0 - (small**2).sum(1)))
    values = np.concatenate([small, largest[:, None]], axis=1)
    tags = pixels[:, 3].astype(np.intp) - _TAG
    return np.take_along_axis(values, _WXYZ[np.maximum(tags, 0)], axis=1) * (tags >= 0)[:, None]


def _file(folder: Path, name: str, limit: int) -> bytes:
    """A file of ``folder`` itself: what a manifest names elsewhere is not looked at."""
    field, path = name[:80], folder / name
    try:
        if "\0" in name or path.parent != folder or not path.is_file():
            raise DataError(folder, field=field, found="no such file", expected="a whole SOG")
        if path.stat().st_size > limit:
            raise DataError(
                folder, field=field, found=f"{path.stat().st_size} bytes", expected=f"at most {limit} bytes"
            )
        return path.read_bytes()
    except OSError as error:  # also names that are too long
        raise DataError(folder, field=field, found=f"{error}"[:100], expected="a file") from None


def _member(path: Path, archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    field = name[:80]  # a manifest can name it at any length
    try:
        info = archive.getinfo(name)
    except KeyError:
        raise DataError(path, field=field, found="no such member", expected="a whole SOG") from None
    if info.file_size > limit or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        found = f"{info.file_size} bytes, compression {info.compress_type}"
        raise DataError(path, field=field, found=found, expected=f"at most {limit} bytes, stored or deflated")
    try:
        return archive.read(info)
    except (*BROKEN_ARCHIVE, zlib.error) as error:
        raise DataError(path, field=field, found=f"{error}"[:100], expected="a whole member") from None
