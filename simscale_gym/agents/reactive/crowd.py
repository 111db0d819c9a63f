"""The other road users as the traffic kernels hold them, and the ways in which they move."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

PENDING, DRIVING, LOGGED, STANDING, GONE, REPLAYED = range(6)
"""Ways to move: not yet there; along lanes; along its logged path, reacting; not at all; left for good; exactly as
logged, with a route along lanes for when it is disturbed."""


class Crowd(NamedTuple):
    """The tracks ``N``; kernels change it in place.

    Attributes:
        kinds: ``[N]`` ways to move.
        routes: ``[N, R]`` lanes (:mod:`simscale_gym.agents.reactive.lane_walk`).
        motion: ``[N, 6]`` along the route (:mod:`simscale_gym.agents.reactive.idm_kernel`).
        walks: ``[N, 7]`` along the logged path (:mod:`simscale_gym.agents.reactive.logged_path`).
        poses: ``[N, 3]`` box centres.
        velocities: ``[N, 2]`` [m/s].
        valid: ``[N]`` present.
    """

    kinds: NDArray[np.int8]
    routes: NDArray[np.int64]
    motion: Array
    walks: Array
    poses: Array
    velocities: Array
    valid: NDArray[np.bool_]


class Moving(NamedTuple):
    """Everybody ``M`` at one instant; the first ``N`` in the order of the tracks, the last is the ego.

    Attributes:
        boxes: ``[M, 5]`` centre x, y [m], heading [rad], length, width [m].
        swept: ``[M, 5]`` these boxes, lengthened ahead along the velocity for those who may cross.
        velocities: ``[M, 2]`` [m/s].
        present: ``[M]`` whether it is present.
        as_logged: ``[M]`` whether it is about where it was at this frame of the log, so that the others' logs reckon
            with it.
        foreseen: ``[M, LOOKS, 3]`` poses to come (:mod:`simscale_gym.agents.reactive.foresight`), where ``known``.
        known: ``[M]`` whether its poses to come are known.
    """

    boxes: Array
    swept: Array
    velocities: Array
    present: NDArray[np.bool_]
    as_logged: NDArray[np.bool_]
    foreseen: Array
    known: NDArray[np.bool_]
