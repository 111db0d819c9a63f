"""A straight two-lane road along x, and what may stand on it."""

import numpy as np

from simscale_gym.metrics import Agents, MapLayers, Situation
from simscale_gym.scene import StateIndex, TrackType

STEPS = 41
TIMES = 0.1 * np.arange(STEPS)


def rectangle(x0, y0, x1, y1):
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])


def road_map():
    """Lanes "right" (y -1.75 to 1.75) and "left" (up to 5.25) in one roadblock, x from -50 to 150."""
    return MapLayers(
        (rectangle(-50, -1.75, 150, 5.25), rectangle(-50, -1.75, 150, 1.75), rectangle(-50, 1.75, 150, 5.25)),
        ("ROADBLOCK", "LANE", "LANE"),
        ("block", "right", "left"),
    )


def agent(x, y, heading=0.0, speed=0.0, *, kind=TrackType.VEHICLE, size=(4.6, 1.9), token="a", steps=STEPS):
    """One agent that drives straight on from x, y."""
    times = 0.1 * np.arange(steps)
    direction = np.array([np.cos(heading), np.sin(heading)])
    boxes = np.zeros((1, steps, 5))
    boxes[0, :, :2] = np.array([x, y]) + speed * times[:, None] * direction
    boxes[0, :, 2:] = heading, *size
    velocities = np.broadcast_to(speed * direction, (1, steps, 2))
    return Agents((token,), np.array([kind], np.uint8), boxes, velocities, np.ones((1, steps), bool))


def together(*agents):
    return Agents(
        tuple(token for a in agents for token in a.tokens),
        *(
            np.concatenate([getattr(a, name) for a in agents])
            for name in ("types", "boxes", "velocities", "valid")
        ),
    )


def situation(agents=None, **changes):
    """On the right lane, which is the route with its centreline at y = 0."""
    options = {
        "map": road_map(),
        "centerline": np.array([[-50.0, 0.0], [50.0, 0.0], [150.0, 0.0]]),
        "route_lane_ids": ("right", "left"),
        "agents": Agents.none() if agents is None else agents,
    }
    return Situation(**(options | changes))


def drive(x=0.0, y=0.0, speed=8.0, heading=0.0, acceleration=0.0, steps=STEPS):
    """States ``[1, T, 11]`` of an ego that goes straight on."""
    times = 0.1 * np.arange(steps)
    states = np.zeros((1, steps, 11))
    way = speed * times + acceleration * times**2 / 2
    states[0, :, StateIndex.X], states[0, :, StateIndex.Y] = (
        x + way * np.cos(heading),
        y + way * np.sin(heading),
    )
    states[0, :, StateIndex.HEADING] = heading
    states[0, :, StateIndex.VX], states[0, :, StateIndex.AX] = speed + acceleration * times, acceleration
    return states
