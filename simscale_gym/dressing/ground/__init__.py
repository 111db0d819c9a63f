"""The ground: road, paint, kerbs, grass."""
