"""How a scene looks where nothing was trained: a street of Gaussians made from map, tracks and side shapes."""
