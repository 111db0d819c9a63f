"""Train on samples while they are made, stop in the middle, and go on exactly there.

python examples/08_stream.py --steps 20 --checkpoint stream.pt      # pip install '.[stream]' first

Half of the samples are perturbed ones with the planner expert's label, half are the log's own. Nothing is stored but
the checkpoint, which holds the model and a few numbers that say where the stream is.
"""

import argparse
from itertools import islice

import torch
from torch import nn
from torchdata.stateful_dataloader import StatefulDataLoader

from simscale_gym.datagen import DataSpec, SampleStream

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--steps", type=int, default=20)
parser.add_argument("--batch", type=int, default=8)
parser.add_argument("--workers", type=int, default=2, help="processes that make samples")
parser.add_argument("--image-size", type=int, nargs=2, default=(72, 128), help="height and width [pixel]")
parser.add_argument("--checkpoint", default="stream.pt")
args = parser.parse_args()


class Planner(nn.Module):
    """Three cameras and the status of the ego to eight poses."""

    def __init__(self):
        super().__init__()
        layers = [nn.LazyConv2d(channels, 3, stride=2, padding=1) for channels in (16, 32, 64)]
        self.eyes = nn.Sequential(
            *(part for layer in layers for part in (layer, nn.ReLU())), nn.AdaptiveAvgPool2d(4)
        )
        self.plan = nn.Sequential(nn.LazyLinear(128), nn.ReLU(), nn.Linear(128, 8 * 3))

    def forward(self, pictures, status):
        """Pictures ``[B, C, H, W, 3]``, status ``[B, 8]``; poses ``[B, 8, 3]``."""
        seen = self.eyes(pictures.permute(0, 1, 4, 2, 3).flatten(1, 2).float() / 255.0).flatten(1)
        return self.plan(torch.cat([seen, status], 1)).view(-1, 8, 3)


def make_loader():
    """The stream, from its beginning."""
    size = tuple(args.image_size)
    simulated, real = DataSpec(experts=("planner",), image_size=size), DataSpec(kind="log", image_size=size)
    stream = SampleStream(simulated, real, real_share=0.5, seed=0)
    return StatefulDataLoader(stream, batch_size=args.batch, num_workers=args.workers)


def train(batches, steps):
    """A few steps of imitation."""
    for batch in islice(batches, steps):
        loss = (model(batch["pictures"], batch["status"]) - batch["target"]).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"loss {loss.item():.2f}, {int(batch['is_sim'].sum())} of {len(batch['key'])} simulated")


loader, model = make_loader(), Planner()
batches = iter(loader)
first = next(batches)
model(first["pictures"], first["status"])  # gives the layers their sizes
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
train(batches, args.steps // 2)
torch.save({"model": model.state_dict(), "stream": loader.state_dict()}, args.checkpoint)
expected = next(batches)["key"]

kept = torch.load(args.checkpoint)
loader = make_loader()
loader.load_state_dict(kept["stream"])
model.load_state_dict(kept["model"])
batches = iter(loader)
print("goes on with the same samples:", next(batches)["key"] == expected)
train(batches, args.steps - args.steps // 2)
