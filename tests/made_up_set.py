"""Data sets in memory whose labels can be learned from the pictures alone: the way leads to where an edge is seen."""

from types import SimpleNamespace

import numpy as np
import pyarrow as pa

from simscale_gym.agents import HumanFutures
from simscale_gym.datagen import DataSample, SampleArrays

SIZE = (16, 32)
CAMERAS = ("cam_f0",)
VOCABULARY = 6


def made_up_samples(count, *, kind="log", town=0, seed=0):
    rng = np.random.default_rng(seed)
    return [_sample(rng, f"town-{town}/log-0/scene-{n // 4}", kind, n) for n in range(count)]


def made_up_vocabulary():
    poses = np.zeros((VOCABULARY, 40, 3))
    poses[..., 0], poses[..., 1] = np.arange(1, 41) / 10.0, np.arange(VOCABULARY)[:, None] / 10.0
    return HumanFutures(poses, np.zeros((VOCABULARY, 2)))


class MadeUpSet:
    """Serves as a :class:`simscale_gym.datagen.DataSet`."""

    def __init__(self, samples, kind="log", size=SIZE, cameras=CAMERAS):
        self._samples = samples
        self.folder, self.vocabulary, self.digest = "made up", made_up_vocabulary(), f"{kind}-{len(samples)}"
        self.recipe = {"spec": {"kind": kind, "image_size": list(size), "cameras": list(cameras)}}
        self.recipes = [self.recipe]
        self.rows = pa.Table.from_pylist([sample.row for sample in samples])

    def __len__(self):
        return len(self._samples)

    def __getitem__(self, index):
        return self._samples[index]


def mini_backbone():
    """Of a planner that is small enough to learn in a second."""
    from simscale_gym.planners import BackboneConfig
    from simscale_gym.planners.bird_view import AttentionConfig
    from simscale_gym.planners.image_encoder import ResNetConfig

    return BackboneConfig(
        ResNetConfig((8, 16), (1, 1)), AttentionConfig(48, 2, 96), grid=(2, 2), decoder_layers=1, vehicles=4,
        map_stride=16,
    )  # fmt: skip


def _sample(rng, scene, kind, n):
    scores = rng.choice([0.0, 0.5, 1.0], (VOCABULARY, 8)).astype(np.float16)
    edge, times = int(rng.integers(2, SIZE[1] - 2)), 0.5 * np.arange(1, 9)
    target = np.stack([times, (0.5 - edge / SIZE[1]) * times, 0.0 * times], 1).astype(np.float32)
    picture = np.broadcast_to(np.where(np.arange(SIZE[1]) < edge, 50, 200)[None, :, None], (*SIZE, 3))
    status = np.array([0, 1, 0, 0, 2, 0, 0, 0], np.float32)
    row = {
        "key": f"{scene}-{n}-{kind}", "scene": scene, "log": scene.rpartition("/")[0], "source": "town", "kind": kind,
        "seed": 0, "expert": ("planner", "recovery")[n % 2], "present": 60,
    }  # fmt: skip
    labels = {f"label_{code}": 1.0 for code in ("nc", "dac", "ddc", "tlc", "ep", "ttc", "lk", "hc", "score")}
    pictures = dict.fromkeys(CAMERAS, picture.astype(np.uint8))
    boxes = np.zeros((2, 7), np.float32)
    boxes[:, 0], boxes[:, 3:6] = (8.0, 20.0), (4.5, 1.9, 1.5)
    numbers = SimpleNamespace(
        status=status, history=np.zeros((4, 3), np.float32), target=target,
        target_10hz=np.repeat(target, 5, 0), boxes=boxes, box_velocities=np.zeros((2, 2), np.float32),
        box_types=np.zeros(2, np.uint8), box_ids=np.array(["a", "b"]), box_seen=np.ones(2, bool),
        vocabulary_scores=scores, route=np.zeros((32, 3), np.float32),
        class_map=rng.integers(0, 7, (256, 256)).astype(np.uint8), ego_state=np.zeros(11), ego_to_scene=np.eye(4),
        origin=np.zeros(3), camera_Ks=np.eye(3)[None], cam_to_ego=np.eye(4)[None],
    )  # fmt: skip
    return DataSample({**row, **labels}, SampleArrays(**vars(numbers)), pictures)
