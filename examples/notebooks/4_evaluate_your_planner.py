# %% [markdown]
# # Is my planner any good?
#
# Anything with `reset` and `act` is a planner. It is asked for plans on the log and off it, and drives in closed
# loop, beside the human, PDM-Closed and constant velocity.

# %%
from dataclasses import replace

import numpy as np

from simscale_gym.envs import STATE_LAYOUT
from simscale_gym.evaluation import RECIPES, Sensing, evaluate, make_suite
from simscale_gym.sources import find_scene, list_scenes, load_scene

TIMES = 0.5 * np.arange(1, 9)


class RouteFollower:
    """Follows the route at the present speed, and stops behind whatever stands on it or for a red light."""

    sensing = Sensing(observation=("state",))

    def reset(self, context):
        """Nothing to be remembered."""

    def act(self, observation):
        """Eight poses, half a second apart."""
        seen, speed = STATE_LAYOUT.in_units(observation["state"]), float(observation["ego"][0])
        path = np.column_stack([seen["path"]["x"], seen["path"]["y"]])
        along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
        room = along[-1]
        if seen["lead"]["present"]:
            room = min(room, seen["lead"]["gap"] - 2.0)
        if seen["lights"]["red"]:
            room = min(room, seen["lights"]["to_red"] - 1.0)
        wanted = min(10.0, np.sqrt(4.0 * max(room, 0.0)))
        change = np.clip(wanted - speed, -3.0 * TIMES, 1.5 * TIMES)
        travelled = np.minimum(np.cumsum(0.5 * np.maximum(speed + change, 0.0)), max(room, 0.1))
        x, y = np.interp(travelled, along, path[:, 0]), np.interp(travelled, along, path[:, 1])
        heading = np.interp(travelled, along[1:], np.arctan2(*np.diff(path, axis=0).T[::-1]))
        return np.column_stack([x, y, heading])


# %% [markdown]
# ## A suite of one scene
#
# The package's suites (`town-test`, `town-hard`, ..) take minutes; for a first look, one scene is pinned: moments
# of the log, starts off it, and a drive.

# %%
refs = list_scenes("town")
scene = load_scene(find_scene(refs, "town-train-000000/log-00/scene-002"))
recipe = replace(
    RECIPES["town-test"],
    name="one scene",
    groups=1,
    starts=3,
    least_starts=2,
    drives=1,
    most_constant=1.0,
    seconds=6.0,
)
suite = make_suite(recipe, [scene])
result = evaluate({"mine": RouteFollower()}, suite, scenes=[scene])
result

# %% [markdown]
# Means with 95 % intervals, in per cent. Is the difference to constant velocity more than chance? With one scene
# nobody can know:

# %%
better = result.compare("mine", "constant velocity", "drive")
print(f"EPDMS of the drive: {better.mean:+.2f} (95 % interval {better.low:+.2f} to {better.high:+.2f})")

# %% [markdown]
# ## The report
#
# One page with tables, charts, and where the planner did worst:

# %%
import html
import tempfile
from pathlib import Path

from IPython.display import display

from simscale_gym.evaluation.report import write_report

page = write_report(result, {"mine": RouteFollower()}, Path(tempfile.mkdtemp()), scenes=[scene])
frame = html.escape(page.read_text())
display({"text/html": f'<iframe srcdoc="{frame}" width="100%" height="640"></iframe>'}, raw=True)

# %% [markdown]
# `browser.view(result, scenes=[scene])` shows the drives in a browser, with everything around them.
