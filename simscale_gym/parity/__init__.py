"""NAVSIM's numbers on fixture files, held against ours."""
