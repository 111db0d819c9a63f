"""Damaged copies of a file: every reader must turn each into values or into one error that names the file."""

from __future__ import annotations

import contextlib
import tracemalloc
import warnings

import numpy as np

from simscale_gym.errors import DataError

NUMBERS = [0, 1, 127, 128, 255, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1]
WORDS = [
    b"999999999",
    b"-1",
    b"1e9",
    b"nan",
    b"float64",
    b"list uchar int",
    b"inf",
    b"\x00" * 8,
    b"\xff" * 8,
    b"\n",
]


def damaged(whole: bytes, rng: np.random.Generator) -> bytes:
    """A copy with one to three wounds: cut, overwritten, repeated, or a number or word of another kind."""
    data = bytearray(whole)
    for _ in range(rng.integers(1, 4)):
        at, length = int(rng.integers(0, len(data) + 1)), int(rng.integers(1, 17))
        wound = rng.integers(0, 8)
        if wound == 0:
            del data[at:]
        elif wound == 1:
            data[at : at + 1] = bytes([rng.integers(0, 256)])
        elif wound == 2:
            data[at : at + length] = rng.bytes(length)
        elif wound == 3:
            data[at:at] = data[at : at + length]
        elif wound == 4:
            del data[at : at + length]
        elif wound == 5:
            data[at : at + 4] = (NUMBERS[rng.integers(0, len(NUMBERS))] & 0xFFFFFFFF).to_bytes(4, "little")
        elif wound == 6:
            word = WORDS[rng.integers(0, len(WORDS))]
            data[at : at + len(word)] = word
        else:
            data[at : at + 4] = rng.normal(scale=10.0 ** rng.integers(-3, 38), size=1).astype("<f4").tobytes()
    return bytes(data)


def survives(load, path, data: bytes, limit: int = 2**26):
    """Loads `data` as the file `path`; fails on any exception but `DataError` and on more memory than `limit`."""
    path.write_bytes(data)
    tracemalloc.start()
    try:
        with warnings.catch_warnings(), contextlib.suppress(DataError):
            warnings.simplefilter("error")  # numpy met what nobody had checked
            warnings.simplefilter("ignore", DeprecationWarning)  # pickletools decodes what it finds
            return load(path)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < limit, f"{peak} bytes of memory for a file of {len(data)} bytes"


def check_damage(load, path, whole: bytes, *, rounds: int = 200, seed: int = 0) -> None:
    """Damages `whole` many times at random; names the first copy that a reader does not take."""
    for number in range(rounds):
        data = damaged(whole, np.random.default_rng((seed, number)))
        try:
            survives(load, path, data)
        except Exception as error:
            raise AssertionError(f"seed {seed}, copy {number}: {type(error).__name__}: {error}") from error


def check_cuts(load, path, whole: bytes, *, step: int = 1) -> None:
    """No beginning of the file loads as if it were whole."""
    for end in range(0, len(whole), step):
        assert survives(load, path, whole[:end]) is None, f"the first {end} of {len(whole)} bytes load"
