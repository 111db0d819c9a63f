"""The paved area beside the lanes, that which closed lines bound among it: outer rings and holes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from simscale_gym.geometry.simple_rings import simple_rings
from simscale_gym.scene import Area
from simscale_gym.sources.inferred.features import MapFeatures

Array = NDArray[np.float64]

_MIN_AREA = 20.0  # [m^2] a smaller ring is a marking, no road


def paved_pieces(rings: Sequence[Array]) -> list[Array]:
    """The area inside ``rings``, each ``[K, 2]``, by the even-odd rule, as small rings without holes."""
    areas = [shapely.make_valid(shapely.Polygon(ring)) for ring in rings if len(ring) >= 3]
    region = shapely.Polygon()
    for area in sorted((a for a in areas if a.area >= _MIN_AREA), key=lambda a: -a.area):
        region = region.symmetric_difference(area)
    return simple_rings(region)


def drivable_areas(features: MapFeatures, said: list[str]) -> dict[str, Area]:
    """All that may be driven on beside the lanes; ``said`` gets what was inferred."""
    pieces = paved_pieces(features.rings)
    if pieces:
        count = len(features.rings)
        said.append(f"{count} closed lines bound the paved area, cut into {len(pieces)} pieces.")
    rings = {f"paved_{i}": ring for i, ring in enumerate(pieces)} | features.paved
    return {key: Area(key, ring) for key, ring in rings.items()}
