"""A window over the moving scene of the town, without a browser."""

import socket

import pytest

pytest.importorskip("viser")

from simscale_gym.browser.programs import open_program
from simscale_gym.browser.view import serve


@pytest.fixture(scope="session")
def free_port():
    def find():
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    return find


@pytest.fixture(scope="session")
def make_window(free_port, one_renderer_per_scene):
    """``make_window(what)``: a window with one small camera and few Gaussians, that shows what was asked for."""
    made = []

    def make(shown, cameras=("cam_f0",), gaussians=4000):
        program = open_program(shown)
        made.append(serve(program, cameras, (18, 32), gaussians, free_port(), "127.0.0.1"))
        made[-1].choose(program.first)
        return made[-1]

    yield make
    for window in made:
        window.close()
        window.server.stop()


@pytest.fixture(scope="session")
def window(make_window, town_scene):
    return make_window(town_scene)
