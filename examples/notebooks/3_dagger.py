# %% [markdown]
# # DAgger: labels where the learner drives
#
# A driver of a few numbers clones the expert, drives itself into states that no log has, and the expert labels
# those. Each round is a data set of its own, and all are read as one.

# %%
import tempfile
from pathlib import Path

import numpy as np

from simscale_gym.datagen import DataSpec, RolloutSpec, dagger

work = Path(tempfile.mkdtemp())
_ = (work / "driver.py").write_text('''
import numpy as np

TIMES = 0.5 * np.arange(1, 9)


class Driver:
    """Straight on at the present speed, and what a linear layer changes."""

    def __init__(self, file):
        self.weights = np.load(file)

    def reset(self, context):
        pass

    def act(self, observation):
        return straight(observation) + (seen(observation) @ self.weights).reshape(8, 3)


def straight(observation):
    way = observation["ego"][0] * TIMES
    return np.stack([way, 0 * way, 0 * way], axis=1)


def seen(observation):
    return np.arcsinh(np.concatenate([observation["ego"], observation["command"], observation["state"], [1.0]]))
''')

# %% [markdown]
# ## Learn from the expert's plans
#
# Ridge regression, called before each round but the first.

# %%
import sys

sys.path.insert(0, str(work))
from driver import seen, straight


def train(data_set, file):
    """Clone the expert's plans in all that was driven so far."""
    steps = [sample.step for sample in data_set if sample.row["valid"]]
    inputs = np.array([seen(step) for step in steps])
    wanted = np.array([step["expert_action"] - straight(step) for step in steps]).reshape(len(steps), -1)
    weights = np.linalg.solve(inputs.T @ inputs + np.eye(inputs.shape[1]), inputs.T @ wanted)
    np.save(file, weights)
    Path(f"{file}.npy").replace(file)


spec = DataSpec(
    kind="rollout", experts=("planner",), clips=2, rounds=1, stride=8.0, cameras=("cam_f0",), image_size=(72, 128),
    rollout=RolloutSpec(f"{work / 'driver.py'}:Driver", horizon=4.0),
)  # fmt: skip
for done in dagger(work / "rounds", spec, train, rounds=3, workers=1):
    print(f"round {done.number}: the expert drives {done.beta:.0%}, {len(done.data_set)} samples so far")

# %% [markdown]
# ## What is in it
#
# A contact sheet: what the camera saw, the scene from above with the past (orange) and the label (green), and the
# scores of the label.

# %%
from PIL import Image

from simscale_gym.commands.contact_sheet import sample_strip

data_set = done.data_set
rows = np.linspace(0, len(data_set) - 1, 4).round().astype(int)
strips = [sample_strip(data_set[int(row)], ("cam_f0",)) for row in rows]
sheet = Image.new("RGB", (strips[0].width, sum(strip.height + 8 for strip in strips)), "white")
for place, strip in enumerate(strips):
    sheet.paste(strip, (0, place * (strip.height + 8)))
sheet

# %% [markdown]
# Every label has its subscores in a table that any tool reads:

# %%
columns = (
    "expert",
    "present",
    "by_expert",
    "offset_across",
    "label_nc",
    "label_dac",
    "label_lk",
    "label_score",
)
print("".join(f"{name:>15}" for name in columns))
for row in data_set.rows.select(columns).to_pylist()[-6:]:
    print(
        "".join(f"{value:>15.2f}" if isinstance(value, float) else f"{value!s:>15}" for value in row.values())
    )
