"""Draws learning curves: return and EPDMS of episodes over steps, a line for each seed of a run.

    python benchmarks/curves.py docs/results/rl/*.csv --out docs/images/rl.png --lines planner=5.2,0.93

Files are the ``curve.csv`` that examples/05_sb3_ppo.py writes, named RUN-SEED.csv.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

PANELS = (
    ("return", "return of an episode"),
    ("epdms", "EPDMS of an episode"),
    ("seconds", "length of an episode [s]"),
)


def read(path: Path) -> dict[str, np.ndarray]:
    """The columns of a curve."""
    with path.open() as file:
        rows = list(csv.DictReader(file))
    return {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}


def main() -> None:
    """Draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("curves", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, default=Path("curves.png"))
    parser.add_argument("--lines", nargs="*", default=[], help="NAME=RETURN,EPDMS of others, as level lines")
    arguments = parser.parse_args()
    runs: dict[str, list[dict[str, np.ndarray]]] = defaultdict(list)
    for path in arguments.curves:
        runs[path.stem.rpartition("-")[0]].append(read(path))
    figure, axes = plt.subplots(1, len(PANELS), figsize=(13, 3.8), layout="constrained")
    for axis, (column, label) in zip(axes, PANELS, strict=True):
        for colour, (name, seeds) in enumerate(runs.items()):
            for n, curve in enumerate(seeds):
                axis.plot(
                    curve["steps"] / 1e3,
                    curve[column],
                    color=f"C{colour}",
                    alpha=0.8,
                    label=name if not n else None,
                )
        for n, line in enumerate(arguments.lines):
            name, values = line.split("=")
            levels = dict(zip(("return", "epdms"), map(float, values.split(",")), strict=True))
            if column in levels:
                axis.axhline(levels[column], color=f"C{len(runs) + n}", linestyle="--", label=name)
        axis.set(xlabel="thousand steps", ylabel=label)
        axis.grid(alpha=0.3)
    axes[0].legend(fontsize=8)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(arguments.out, dpi=120)


if __name__ == "__main__":
    main()
