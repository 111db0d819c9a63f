"""Shapes of a node in the folder of an asset: `nodes/0000.shapes.npz`.

Arrays `frames [K]`, `means [K, N, 3]`, `quats [K, N, 4]` and, where they change, `scales [K, N, 3]`: float16,
which keeps a person's surface to half a millimetre, or float32 in assets that keep everything.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from simscale_gym.errors import DataError
from simscale_gym.files.fields import Fields
from simscale_gym.files.stored_arrays import load_arrays, save_arrays
from simscale_gym.splats.assets.asset_manifest import file_of
from simscale_gym.splats.assets.node_asset import NodeShapes

_LENGTHS = {"means": 3, "quats": 4, "scales": 3}


def write_shapes(folder: Path, name: str, shapes: NodeShapes | None, *, exact: bool) -> dict[str, str]:
    """Writes the shapes of a node, if it has any; what the manifest says of them."""
    if shapes is None:
        return {}
    arrays = {
        key: np.asarray(value, _kind(exact)) for key, value in vars(shapes).items() if value is not None
    }
    save_arrays(folder / name, arrays | {"frames": np.asarray(shapes.frames, "<i8")})
    return {"shapes": name}


def read_shapes(fields: Fields, count: int, poses: int) -> NodeShapes | None:
    """The shapes of a node of `count` Gaussians with so many poses; None where it has none.

    Raises:
        DataError: The file is damaged, or its arrays do not fit.
    """
    if not fields.has("shapes"):
        return None
    path, kind = file_of(fields, "shapes"), _kind(fields.text("file").endswith(".npz"))
    patterns = {name: (kind, (None, count, length)) for name, length in _LENGTHS.items()}
    arrays = load_arrays(path, {"frames": ("<i8", (None,)), **patterns}, optional=("scales",))
    frames, shapes = arrays.pop("frames"), arrays
    if not len(frames) or {len(value) for value in shapes.values()} != {len(frames)}:
        found = f"lengths {[len(value) for value in shapes.values()]}"
        raise DataError(path, found=found, expected=f"one shape at least, and {len(frames)} of each")
    if (frames[1:] <= frames[:-1]).any() or frames[0] < 0 or frames[-1] >= poses:
        raise DataError(path, field="frames", found="others", expected=f"poses that rise, below {poses}")
    with np.errstate(all="ignore"):
        norms = np.linalg.norm(shapes["quats"].astype(np.float32), axis=2)
    good = {name: np.isfinite(value).all() for name, value in shapes.items()}
    good["quats"] = good["quats"] and (np.abs(norms - 1.0) < 1e-2).all()
    good["scales"] = good.get("scales", True) and (shapes.get("scales", norms) >= 0.0).all()
    for name in good:
        if not good[name]:
            raise DataError(
                path, field=name, found="other numbers", expected="finite ones, those of Gaussians"
            )
    return NodeShapes(frames, **shapes)


def _kind(exact: bool) -> str:
    return "<f4" if exact else "<f2"
