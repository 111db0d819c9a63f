"""NAVSIM and OpenScene logs, SimScale's synthetic ones, and the pickles of navhard's second stage."""
