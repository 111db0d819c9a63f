"""Surfels and what they are laid into: sheets, solids, lofts, drawings."""
