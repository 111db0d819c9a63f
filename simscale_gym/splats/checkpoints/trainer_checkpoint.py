"""Checkpoints of gsplat's trainer: `{"step": .., "splats": {"means": .., "quats": .., ..}}`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from simscale_gym.errors import DataError, shown
from simscale_gym.files.fields import Fields
from simscale_gym.splats.checkpoints.torch_archive import load_torch_archive
from simscale_gym.splats.formats.activation import activate
from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.spherical_harmonics import TERMS_BY_DEGREE


def load_trainer_checkpoint(path: Path) -> Gaussians:
    """Reads the Gaussians of a checkpoint of `gsplat/examples/simple_trainer.py` (gsplat 1.0 to 1.5).

    Raises:
        DataError: A checkpoint of another trainer, or with colours that its appearance network must finish.
    """
    tree = load_torch_archive(path)
    if not isinstance(tree, dict) or "splats" not in tree:
        raise DataError(
            path,
            found=_describe(tree),
            expected="a checkpoint of gsplat's trainer, with the key splats",
            hint="Scenes of several nodes have readers of their own: read_mtgs, read_worldengine, read_hugsim, "
            "read_drivestudio.",
        )
    splats = Fields.of(path, "splats", tree["splats"])
    if "sh0" not in splats and "features" in splats:
        raise DataError(
            path,
            field="splats",
            found="features, which the trainer's appearance network turns into colours",
            expected="sh0 and shN",
            hint="Train without app_opt, or export a PLY.",
        )
    means = splats.array("means", (None, 3), dtype=np.float32)
    count = len(means)
    dc = splats.array("sh0", (count, 1, 3), dtype=np.float32)
    further = splats.array("shN", *((count, terms - 1, 3) for terms in TERMS_BY_DEGREE), dtype=np.float32)
    return activate(
        path,
        means=means,
        quats=splats.array("quats", (count, 4), dtype=np.float32),
        log_scales=splats.array("scales", (count, 3), dtype=np.float32),
        opacity_logits=splats.array("opacities", (count,), dtype=np.float32),
        sh=np.concatenate([dc, further], axis=1),
        field="splats",
    )


def _describe(tree: Any) -> str:
    if isinstance(tree, dict):
        keys = (key if isinstance(key, str) else shown(key) for key in list(tree)[:8])
        return f"a dictionary with the keys {', '.join(keys)}"[:200]
    return type(tree).__name__
