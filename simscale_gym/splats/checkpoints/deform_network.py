"""What a deformation network makes of a node's Gaussians over time.

drivestudio and MTGS share it (`ConditionalDeformNetwork`, after Yang et al., "Deformable 3D Gaussians", 2023): sines
and cosines of the place and the time and an embedding of the instance, through a multilayer perceptron with one skip,
to offsets of centres, quaternions and scales.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simscale_gym.errors import DataError
from simscale_gym.files.fields import Fields
from simscale_gym.splats.assets.node_asset import NodeShapes
from simscale_gym.splats.gaussians import Gaussians

MOST_OCTAVES = 32
MOST_LAYERS, MOST_WIDTH = 32, 1024
"""The trainers have 8 layers of 256 (drivestudio) or fewer and narrower ones."""


@dataclass(frozen=True, eq=False)
class DeformNetwork:
    """The network's weights.

    Attributes:
        layers: Weight `[out, in]` and bias `[out]` of each hidden layer; rectified.
        heads: Weight and bias of what is added to "means", "quats" and "scales"; those that are there.
        octaves: Sines and cosines of each coordinate, and of the time.
    """

    layers: tuple[tuple[np.ndarray, np.ndarray], ...]
    heads: dict[str, tuple[np.ndarray, np.ndarray]]
    octaves: tuple[int, int]

    @classmethod
    def of(cls, fields: Fields, embedding: int) -> DeformNetwork:
        """Reads the network below `fields`, whose instances have embeddings of length `embedding`.

        Raises:
            DataError: Weights are missing, do not fit or are not finite.
        """
        count = sum(1 for key in fields if key.startswith("linear.") and key.endswith(".weight"))
        first = fields.array("linear.0.weight", (None, None), dtype=np.float32)
        if not 3 <= count <= MOST_LAYERS or len(first) > MOST_WIDTH:
            found = f"{count} layers of {len(first)}"
            expected = f"3 to {MOST_LAYERS} layers of {MOST_WIDTH} at most"
            raise DataError(fields.path, field=fields.at("linear"), found=found, expected=expected)
        octaves = _octaves(fields, first.shape[1] - embedding)
        width, layers = len(first), [_layer(fields, "linear.0", first.shape[1])]
        for number in range(1, count):
            skipped = first.shape[1] if number == count // 2 + 1 else 0
            layers.append(_layer(fields, f"linear.{number}", width + skipped, width))
        names = {"means": "gaussian_warp", "quats": "gaussian_rotation", "scales": "gaussian_scaling"}
        there = {name: key for name, key in names.items() if f"{key}.weight" in fields or name == "means"}
        heads = {name: _layer(fields, key, width) for name, key in there.items()}
        for name, head in heads.items():
            if len(head[0]) != (4 if name == "quats" else 3):
                found = f"{len(head[0])} outputs"
                raise DataError(
                    fields.path, field=fields.at(names[name]), found=found, expected="3, or 4 of quats"
                )
        return cls(tuple(layers), heads, octaves)

    def __call__(self, places: np.ndarray, time: float, embedding: np.ndarray) -> dict[str, np.ndarray]:
        """Offsets of Gaussians at `places` `[N, 3]` at a time in 0..1: means, and quats and scales where there are."""
        inputs = np.concatenate(
            [
                _waves(places, self.octaves[0]),
                np.tile(_waves(np.float32([time]), self.octaves[1]), (len(places), 1)),
                np.tile(embedding, (len(places), 1)),
            ],
            axis=1,
        ).astype(np.float32)
        hidden = inputs
        for number, (weight, bias) in enumerate(self.layers):
            hidden = np.maximum(hidden @ weight.T + bias, 0.0)
            if number == len(self.layers) // 2:
                hidden = np.concatenate([inputs, hidden], axis=1)
        return {name: hidden @ weight.T + bias for name, (weight, bias) in self.heads.items()}


def bent_shapes(
    network: DeformNetwork,
    gaussians: Gaussians,
    embedding: np.ndarray,
    height: float,
    frames: np.ndarray,
    times: np.ndarray,
) -> NodeShapes:
    """The shapes of a node at some frames. Scales below zero look as those above: covariances hold their squares.

    Args:
        network: The network.
        gaussians: The node's Gaussians at rest.
        embedding: Learned vector of the instance.
        height: Height of the instance's box, by which the network's coordinates are divided [m].
        frames: Numbers of the frames, `[K]`.
        times: Times of the frames, 0..1 over the clip, `[K]`.
    """
    with np.errstate(all="ignore"):  # what becomes infinite is named by who uses it
        places = gaussians.means / np.float32(height) * np.float32(2.0)
        offsets = [network(places, time, embedding) for time in times]
        means = np.stack([gaussians.means + offset["means"] for offset in offsets])
        quats = np.stack([gaussians.quats + offset.get("quats", np.float32(0.0)) for offset in offsets])
        quats = quats / np.maximum(np.linalg.norm(quats, axis=2, keepdims=True), 1e-12)
        scales = None
        if "scales" in network.heads:
            scales = np.stack([np.abs(gaussians.scales + offset["scales"]) for offset in offsets])
    return NodeShapes(np.asarray(frames, np.int64), means, quats.astype(np.float32), scales)


def _waves(values: np.ndarray, octaves: int) -> np.ndarray:
    """The values `[..., D]` themselves, then sine and cosine of each octave, `[..., D (1 + 2 octaves)]`."""
    parts = [values]
    for octave in range(octaves):
        turned = values * np.float32(2.0**octave)
        parts += [np.sin(turned), np.cos(turned)]
    return np.concatenate(parts, axis=-1)


def _octaves(fields: Fields, inputs: int) -> tuple[int, int]:
    """Octaves of place and time, of a network that has so many inputs for them; the trainers use as many for both."""
    octaves = (inputs - 4) // 8
    if inputs - 4 != 8 * octaves or not 0 <= octaves <= MOST_OCTAVES:
        found, expected = f"{inputs} inputs of place and time", "4 and a multiple of 8"
        raise DataError(fields.path, field=fields.at("linear.0.weight"), found=found, expected=expected)
    return octaves, octaves


def _layer(
    fields: Fields, key: str, inputs: int, outputs: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    weight = fields.array(f"{key}.weight", (outputs, inputs), dtype=np.float32)
    bias = fields.array(f"{key}.bias", (len(weight),), dtype=np.float32)
    if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        raise DataError(fields.path, field=fields.at(key), found="infinite values", expected="finite weights")
    return weight, bias
