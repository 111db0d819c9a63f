"""The CPU rasteriser: packed Gaussians, culled, projected, binned and blended by compiled kernels."""
