"""A plain float64 caster of rays: every Gaussian against every ray, no bounds, no levels of detail."""

from __future__ import annotations

import numpy as np
from reference_rasterizer import _covariance

from simscale_gym.splats.gaussians import Gaussians


def reference_cast(gaussians: Gaussians, origin, directions, *, near=0.05, most=np.inf):
    """Where rays `[R, 3]` have lost half of their light, `[R]` [m], infinite if nowhere; and at which Gaussian."""
    inverses = np.stack([np.linalg.inv(_covariance(gaussians, g)) for g in range(len(gaussians))])
    means = gaussians.means.astype(np.float64) - origin
    opacities = gaussians.opacities.astype(np.float64)
    ranges, which = np.full(len(directions), np.inf), np.full(len(directions), -1)
    for r, d in enumerate(np.asarray(directions, np.float64)):
        through = inverses @ d
        t = np.einsum("gi,gi->g", through, means) / (through @ d)
        beside = means - t[:, None] * d
        alpha = np.minimum(
            0.999, opacities * np.exp(-0.5 * np.einsum("gi,gij,gj->g", beside, inverses, beside))
        )
        met = np.flatnonzero((alpha >= 1.0 / 255.0) & (t > near))
        met = met[np.argsort(t[met], kind="stable")]
        left = np.cumprod(1.0 - alpha[met])
        if len(met) and left[-1] <= 0.5:
            at = met[np.argmax(left <= 0.5)]
            if t[at] < most:
                ranges[r], which[r] = t[at], at
    return ranges, which
