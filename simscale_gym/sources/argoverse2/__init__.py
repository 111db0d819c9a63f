"""Argoverse 2: motion-forecasting scenarios and sensor logs."""
