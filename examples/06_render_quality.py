"""Drive off the road, and see how far the pictures can be trusted: high on the log, low in a house.

python examples/06_render_quality.py [--out out/render_quality.png]
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from simscale_gym.geometry import polyline
from simscale_gym.rendering import make_renderer
from simscale_gym.scene import Moment
from simscale_gym.sources import cache_root, find_scene, list_scenes, load_scene
from simscale_gym.splats import LEAST_SCORE
from simscale_gym.viewer import JudgedDrive, quality_chart

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--out", default="out/render_quality.png")
parser.add_argument("--scene", default="town-train-000000/log-00/scene-002")
parser.add_argument("--start", type=float, default=32.0, help="where to leave the log, along it [m]")
parser.add_argument("--turn", type=float, default=50.0, help="how sharply, to the left [degrees]")
parser.add_argument("--length", type=float, default=20.0, help="of the drives [m]")
parser.add_argument("--step", type=float, default=0.25, help="between two pictures [m]")
parser.add_argument("--image-size", type=int, nargs=2, default=(234, 416), help="height, width [pixel]")
args = parser.parse_args()

scene = load_scene(find_scene(list_scenes("town"), args.scene))
renderer = make_renderer(scene, cache=cache_root() / "looks")

# Two drives from the same place: one follows the log, the other bends away from it and goes straight on.
along = np.arange(0.0, args.length + args.step / 2, args.step)
path = polyline.without_repeats(scene.ego.poses[:, :2], 0.01)
on_log = polyline.at_arc_length(path, args.start + along)
leaves = polyline.at_arc_length(path, args.start + 6.0)
heading = leaves[2] + np.radians(args.turn)
goal = leaves[:2] + args.length * np.array([np.cos(heading), np.sin(heading)])
u = np.linspace(0.0, 1.0, 200)[:, None]
bend = (1 - u) ** 2 * on_log[0, :2] + 2 * u * (1 - u) * leaves[:2] + u**2 * goal
off_road = polyline.at_arc_length(bend, along)
# The others are where they were recorded when the ego was as far.
driven = polyline.arc_lengths(scene.ego.poses)
times = np.searchsorted(driven, args.start + along).clip(max=scene.num_frames - 1)


def judged(name, poses):
    """What the front camera sees from poses, and how far that can be trusted."""
    moments = [replace(Moment.of_log(scene, time), ego=pose) for pose, time in zip(poses, times, strict=True)]
    frame = renderer.render(moments, ["cam_f0"], args.image_size)
    qualities = frame.qualities
    by_name = {
        factor: np.array([float(quality.factors[factor].min()) for quality in qualities])
        for factor in qualities[0].factors
    }
    return JudgedDrive(name, along, frame.images[:, 0], np.array([q.score for q in qualities]), by_name)


drives = [
    judged("off the road: over the kerb, into a house", off_road),
    judged("on the road: as it was recorded", on_log),
]
chart = quality_chart(
    drives,
    "How far can a picture be trusted? The score falls where the scene breaks",
    "Front camera in the built-in town, and below each picture its render quality from 0 to 1",
    least=LEAST_SCORE,
)
Path(args.out).parent.mkdir(parents=True, exist_ok=True)
chart.save(args.out, optimize=True)
for drive in drives:
    trusted = drive.along[drive.scores >= LEAST_SCORE]
    print(
        f"{drive.name}: lowest score {drive.scores.min():.2f}, trusted up to {trusted.max(initial=0.0):.1f} m"
    )
print("wrote", args.out)
