"""Record what NAVSIM gives planners on a small suite of the town: ``python tests/record_navsim_two_stage.py FILE``.

Runs where NAVSIM is installed (see ``tests/navsim_peer.py``), with ``tests`` on the path.
"""

import gzip
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from made_up_plans import BendingPlans
from navsim_peer import Navsim

from simscale_gym.datagen.navsim.two_stage import SPLIT
from simscale_gym.evaluation import RECIPES, export_suite, make_suite, write_suite
from simscale_gym.evaluation.entrants import entrants_of
from simscale_gym.evaluation.navsim.export import plan_files
from simscale_gym.metrics import COLUMNS
from simscale_gym.sources import list_scenes, load_scene

RECORDED = (*COLUMNS.values(), "score", "weight")


def main(file):
    scene = load_scene(list_scenes("town")[2])
    fewer = {"groups": 1, "starts": 3, "least_starts": 2, "drives": 1}
    suite = make_suite(replace(RECIPES["town-test"], name="small", most_constant=1.0, **fewer), [scene])
    with tempfile.TemporaryDirectory() as folder:
        out, planners = Path(folder) / "x", {"bending": BendingPlans()}
        write_suite(suite, Path(folder) / "suite.json")
        list(export_suite(suite, out, planners, scenes=[scene]))
        peer, caches, found = Navsim(out, SPLIT, synthetic=True), {}, {}
        for entrant in entrants_of(planners):
            (path,) = (out / name for name in plan_files(entrant))
            rows, means = peer.two_stage(path, caches)
            kept = {token: {name: float(row[name]) for name in RECORDED} for token, row in rows.items()}
            found[entrant.name] = {"plans": json.loads(path.read_text()), "rows": kept, "means": means}
        recorded = {"suite": (Path(folder) / "suite.json").read_text(), "planners": found}
    Path(file).write_bytes(gzip.compress(json.dumps(recorded).encode(), mtime=0))


if __name__ == "__main__":
    main(sys.argv[1])
