"""How finely surfaces are cut for cameras that show more than level of detail 1, which suits 256 pixels across."""

from __future__ import annotations

import math
from dataclasses import dataclass

_BORDER_PIXELS, _TEXTURE_PIXELS, _FAR = 2.4, 22.0, 25.0
"""Width of the cells along borders, and size of the cells of a painted surface, on the image [px]; beyond the last, a
distance [m], in proportion more. What cells show of a texture is clouds and courses, not lines."""

_LEAST_BORDER, _LEAST_TEXTURE = 0.006, 0.07
"""Nothing is cut finer [m]."""

_LONGEST, _LONGEST_SEEN = 0.25, 0.06
"""Length of the cells of a plain surface, at least [m] and over the distance: longer ones shear."""

_STEPS = 4.0
"""Steps of distance an octave, so that templates are shared."""


@dataclass(frozen=True)
class Sharpness:
    """Upper limits of the cells of a surface, by the camera that it is cut for.

    Cells along borders are what makes an edge soft, and few of them make it sharp, as they grow away from it; cells of
    a texture cost the square. So the two have limits of their own.

    Attributes:
        focal: Focal length of the camera [px]; 0 for no limits.
        distance: Least distance of the surface from the camera [m].
    """

    focal: float = 0.0
    distance: float = 1.0

    @classmethod
    def at(cls, distance: float, focal: float) -> Sharpness:
        """The limits at about ``distance`` [m]: in steps, so that templates are shared."""
        if focal == 0.0:
            return AS_ASKED
        return cls(focal, 2.0 ** (round(_STEPS * math.log2(max(distance, 1.0))) / _STEPS))

    def above(self, height: float) -> Sharpness:
        """The limits ``height`` [m] over the camera."""
        return Sharpness.at(math.hypot(self.distance, height), self.focal)

    @property
    def limits(self) -> bool:
        """Whether there are limits."""
        return self.focal > 0.0

    @property
    def border(self) -> float:
        """Greatest width of the cells along all borders [m]; infinite without limits."""
        return max(_BORDER_PIXELS * self._pixel, _LEAST_BORDER) if self.limits else math.inf

    @property
    def texture(self) -> float:
        """Greatest size of cells whose colours are a function of the place [m]; infinite without limits."""
        return max(_TEXTURE_PIXELS * self._pixel, _LEAST_TEXTURE) if self.limits else math.inf

    @property
    def longest(self) -> float:
        """Greatest size of cells of one colour [m]; infinite without limits."""
        return max(_LONGEST_SEEN * self.distance, _LONGEST) if self.limits else math.inf

    @property
    def _pixel(self) -> float:
        return self.distance * max(self.distance / _FAR, 1.0) / self.focal

    def chord(self, radius: float) -> float:
        """Greatest chord [m] of a circle of ``radius`` [m] that stays within an eighth of a border's cell of it."""
        return math.sqrt(radius * self.border)


AS_ASKED = Sharpness()
"""No limits: surfaces are cut as they ask for."""
