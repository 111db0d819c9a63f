"""Light baked into surfels, the sky, and what is visible from the path."""
