"""Processor time from an empty cache to the first pictures, and what takes it.

    python benchmarks/first_minutes.py           # nothing compiled, no town (minutes)
    python benchmarks/first_minutes.py --again   # and once more with all that was made

Wall time on a machine with other work says little, so processor time is what to compare.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile

from simscale_gym.files.cache import CACHE_VARIABLE
from simscale_gym.files.compiled_code import NUMBA_VARIABLE

FIRST = """
import time
from collections import Counter
spent, began = Counter(), time.process_time()
import gymnasium, simscale_gym
from numba.core import event
from simscale_gym.dressing.looks.packed_look import PackedLook
from simscale_gym import futures_bank
from simscale_gym.sources.town import dataset

class Compiling(event.Listener):
    depth = 0
    def on_start(self, event):
        if not self.depth:
            self.began = time.process_time()
        self.depth += 1
    def on_end(self, event):
        self.depth -= 1
        if not self.depth:
            took = time.process_time() - self.began
            spent["compiling"] += took
            spent["kernels"] += 1
            module = event.data["dispatcher"].py_func.__module__.split(".")
            spent["  " + ".".join(module[1:3])] += took

event.register("numba:compile", Compiling())

def timed(owner, name, label):
    function = getattr(owner, name)
    def wrapped(*args, **kwargs):
        start, compiling = time.process_time(), spent["compiling"]
        try:
            return function(*args, **kwargs)
        finally:
            spent[label] += time.process_time() - start - (spent["compiling"] - compiling)
    setattr(owner, name, wrapped)

timed(dataset, "cached_town_log", "town's drives, compiling aside")
timed(futures_bank, "cluster_futures", "vocabulary, compiling aside")
timed(PackedLook, "of", "dressing, compiling aside")
env = gymnasium.make("SimScale-v0", **{settings!r})
spent["import and make"] = time.process_time() - began
env.reset(seed=0)
spent["first pictures"] = time.process_time() - began
env.step(0 * env.action_space.sample())
spent["first step"] = time.process_time() - began
for label, value in spent.items():
    print(f"{{label:<40}}{{value:8.1f}}")
"""


def main() -> None:
    """Run the first episode in processes of their own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--again", action="store_true", help="run once more with what was made")
    parser.add_argument("--experts", nargs="*", default=["planner"])
    parser.add_argument("--observation", default="camera")
    args = parser.parse_args()
    settings = {"experts": tuple(args.experts), "observation": args.observation}
    with tempfile.TemporaryDirectory() as folder:
        places = {CACHE_VARIABLE: f"{folder}/cache", NUMBA_VARIABLE: f"{folder}/kernels"}
        for _ in range(1 + args.again):
            script = FIRST.format(settings=settings)
            subprocess.run([sys.executable, "-c", script], env=os.environ | places, check=True)


if __name__ == "__main__":
    main()
