"""Drive your own recording: a nuPlan data set, one of its .db logs, or ScenarioDescription files.

python examples/04_own_scene.py PATH [--picture out/own_scene.png]
"""

import argparse

import gymnasium as gym
from PIL import Image

import simscale_gym  # noqa: F401  (registers the id)
from simscale_gym.errors import SimScaleError

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("path", help='folder or file of scenes; "town" for the built-in one')
parser.add_argument("--steps", type=int, default=20)
parser.add_argument("--picture", help="write what the last step looked like (.png)")
args = parser.parse_args()

try:
    env = gym.make("SimScale-v0", scenes=args.path, observation="state", render_mode="rgb_array")
    _, info = env.reset(seed=0)
except SimScaleError as error:  # names the file, the field, what was found and what was expected
    raise SystemExit(f"cannot drive there: {error}") from None

scene = env.unwrapped.scene
print(f"{scene.id}: {scene.duration:.1f} s, {len(scene.tracks)} road users, {len(scene.map.lanes)} lanes")
for sentence in info["inferred"]:
    print("worked out:", sentence)

for _ in range(args.steps):
    _, _, terminated, truncated, info = env.step(info["expert_action"])
    if terminated or truncated:
        break
x, y = info["ego_state"][:2]
print(
    f"after {len(env.unwrapped.history)} states: x {x:.1f} m, y {y:.1f} m, {3.6 * info['ego_state'][3]:.0f} km/h"
)
if args.picture:
    Image.fromarray(env.render()).save(args.picture)
    print("wrote", args.picture)
env.close()
