"""A simulation state as a hash, and as plain arrays to keep and to come back from (no pickle)."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from simscale_gym.errors import DataError
from simscale_gym.files.stored_arrays import unpack_arrays
from simscale_gym.scene import STATE_SIZE
from simscale_gym.sim.state import SimState, TrafficState

_MEMORY = "memory/"


def to_arrays(state: SimState) -> dict[str, NDArray]:
    """Copies of all arrays of ``state`` by name, in a fixed order."""
    arrays = {
        "frame": np.asarray(state.frame, np.int64),
        "ego": state.ego,
        "poses": state.traffic.poses,
        "velocities": state.traffic.velocities,
        "valid": state.traffic.valid,
    }
    arrays |= {_MEMORY + name: state.traffic.memory[name] for name in sorted(state.traffic.memory)}
    return {name: np.array(value) for name, value in arrays.items()}


def from_arrays(arrays: Mapping[str, NDArray], *, path: object = "snapshot") -> SimState:
    """Inverse of :func:`to_arrays`; ``path`` names the origin in errors.

    Raises:
        DataError: An array is missing or has another shape.
    """
    rows = np.shape(arrays["valid"])[0] if np.ndim(arrays.get("valid", 0)) == 1 else 0
    shapes = {
        "frame": (),
        "ego": (STATE_SIZE,),
        "poses": (rows, 3),
        "velocities": (rows, 2),
        "valid": (rows,),
    }
    for name, shape in shapes.items():
        found = "nothing" if name not in arrays else str(np.shape(arrays[name]))
        if found != str(shape):
            raise DataError(path, field=name, found=found, expected=f"an array of shape {shape}")
    memory = {
        key.removeprefix(_MEMORY): np.array(value) for key, value in arrays.items() if key.startswith(_MEMORY)
    }
    traffic = TrafficState(
        poses=np.array(arrays["poses"], float),
        velocities=np.array(arrays["velocities"], float),
        valid=np.array(arrays["valid"], bool),
        memory=memory,
    )
    return SimState(int(arrays["frame"]), np.array(arrays["ego"], float), traffic)


def to_bytes(state: SimState) -> bytes:
    """The state as the bytes of an ``.npz`` file."""
    buffer = io.BytesIO()
    np.savez(buffer, **to_arrays(state))
    return buffer.getvalue()


def from_bytes(data: bytes, *, path: object = "snapshot") -> SimState:
    """Inverse of :func:`to_bytes`.

    Raises:
        DataError: Not such a file, or it lacks an array.
    """
    try:
        arrays = unpack_arrays(data, path)
    except DataError as error:
        raise DataError(path, found=error.found, expected="the bytes that to_bytes made") from error
    return from_arrays(arrays, path=path)


def state_hash(state: SimState) -> str:
    """SHA-256 (hex) over names, types, shapes and values of all arrays; equal across processes."""
    traffic, memory = state.traffic, state.traffic.memory
    names = sorted(memory)
    arrays = [state.ego, traffic.poses, traffic.velocities, traffic.valid, *[memory[name] for name in names]]
    kinds = [f"{array.dtype.str} {array.shape}" for array in arrays]
    digest = hashlib.sha256(f"{state.frame} {names} {kinds}".encode())
    for array in arrays:
        value = array + 0.0 if array.dtype.kind == "f" else array  # -0.0 equals 0.0
        digest.update(np.ascontiguousarray(value))
    return digest.hexdigest()
