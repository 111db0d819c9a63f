"""The paved area that closed lines bound: outer rings and holes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from simscale_gym.geometry.simple_rings import simple_rings

Array = NDArray[np.float64]

_MIN_AREA = 20.0  # [m^2] a smaller ring is a marking, no road


def paved_pieces(rings: Sequence[Array]) -> list[Array]:
    """The area inside ``rings``, each ``[K, 2]``, by the even-odd rule, as small rings without holes."""
    areas = [shapely.make_valid(shapely.Polygon(ring)) for ring in rings if len(ring) >= 3]
    region = shapely.Polygon()
    for area in sorted((a for a in areas if a.area >= _MIN_AREA), key=lambda a: -a.area):
        region = region.symmetric_difference(area)
    return simple_rings(region)
