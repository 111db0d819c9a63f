"""The GPU rasteriser: gsplat behind the call of the CPU one; finishing pictures on the device."""
