"""NAVSIM's reactive traffic, number for number."""
