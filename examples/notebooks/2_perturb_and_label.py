# %% [markdown]
# # Off the log, and how experts would get back
#
# SimScale's Algorithm 1 at one moment: leave the log along every trajectory of a vocabulary, drop what ends badly,
# and ask experts from where the rest ends. Every trajectory that is dropped has its reason.

# %%
import matplotlib.pyplot as plt
import numpy as np

from simscale_gym.agents import make_expert
from simscale_gym.agents.traffic import make_traffic
from simscale_gym.futures_bank import vocabulary_for
from simscale_gym.perturbation import clip_fates
from simscale_gym.scoring.segment import drive_segment
from simscale_gym.sources import find_scene, list_scenes, load_scene

refs = list_scenes("town")
scene = load_scene(find_scene(refs, "town-train-000000/log-00/scene-002"))
vocabulary, planner, traffic = vocabulary_for(refs), make_expert("planner"), make_traffic("idm")
fates = clip_fates(scene, 60, vocabulary, planner, traffic)
fates

# %% [markdown]
# ## What becomes of all of them

# %%
COLORS = {"bounds": "#cccccc", "gate": "#9b5de5", "grid": "#8ecae6", "reactive": "#d62828", "expert": "#f77f00",
          "label": "#fcbf49", "": "#2a9d4a"}  # fmt: skip


def draw_streets(axis):
    """The lanes, grey."""
    for lane in scene.map.lanes.values():
        axis.fill(*lane.polygon.T, color="#ececec", zorder=0)


counts = fates.counts()
figure, (map_, bars) = plt.subplots(1, 2, figsize=(12, 4.5), width_ratios=(2, 1), layout="constrained")
draw_streets(map_)
for stage, color in COLORS.items():
    for plan in fates.plans[fates.stages == stage]:
        map_.plot(plan[:, 0], plan[:, 1], color=color, linewidth=0.4 if stage in ("bounds", "gate") else 1.4)
map_.plot(*scene.ego.poses[60:101, :2].T, "k--", label="log")
middle = scene.ego.poses[80]
map_.set(
    xlim=middle[0] + np.array([-35, 35]),
    ylim=middle[1] + np.array([-25, 25]),
    aspect="equal",
    title="the ways off the log",
)
map_.legend()
names = [stage for stage in COLORS if stage in counts]
bars.barh(
    [stage or "kept" for stage in names],
    [sum(counts[stage].values()) for stage in names],
    color=[COLORS[s] for s in names],
)
bars.set(xscale="log", title=f"{len(fates.stages)} trajectories")
_ = bars.invert_yaxis()

# %% [markdown]
# Most do not end near the log at all (`bounds`). For which subscore those at the `gate` fell:

# %%
dict(counts["gate"].most_common())

# %% [markdown]
# ## What experts say
#
# From the end of the way that lies farthest across, two experts plan; each plan is driven among reacting traffic,
# and judged.

# %%
sample = max(fates.samples.values(), key=lambda sample: abs(sample.offset[1]))
past, now = sample.perturbation.states, sample.perturbation.states[-1]
print(
    f"{sample.offset[0]:+.1f} m along, {sample.offset[1]:+.1f} m across, {np.degrees(sample.offset[2]):+.0f} degrees"
)
drives = {}
for expert in (planner, make_expert("log")):
    plan = expert.plan(scene, now, traffic)
    drives[expert.name] = drive_segment(scene, traffic, past, plan.poses_world(now.ego))

# %%
figure, axis = plt.subplots(figsize=(9, 4), layout="constrained")
axis.plot(*scene.ego.poses[60:141, :2].T, "k--", label="log")
axis.plot(*np.stack([state.ego[:2] for state in past]).T, color="#f77f00", linewidth=3, label="off the log")
for (name, drive), color in zip(drives.items(), ("#2a9d4a", "#457b9d"), strict=True):
    way = np.stack([state.ego[:2] for state in drive.states])
    axis.plot(*way.T, color=color, linewidth=3, label=f"{name}: EPDMS {drive.total:.2f}")
draw_streets(axis)
axis.set(aspect="equal", xlim=now.ego[0] + np.array([-40, 40]), ylim=now.ego[1] + np.array([-18, 18]))
_ = axis.legend()

# %%
drives["planner"].scores

# %% [markdown]
# `simscale-gym view town-train-000000/log-00/scene-002` shows the same in a browser, at any moment.
