"""Files that hold Gaussians and nothing else: PLY, SPZ, splat, npz."""
