"""Scenes, data sets and evaluations shown in a browser."""

from __future__ import annotations

import os
import sys
import webbrowser

from simscale_gym.commands.settings import View
from simscale_gym.progress import waiting


def run_view(settings: View) -> None:
    """Serve the window, open a browser on it, and stay until it is interrupted.

    Raises:
        MissingExtraError: viser is not installed.
        ArgumentError, DataError, SceneError: What is to be shown is not there, or cannot be read.
    """
    with waiting("starting the viewer"):
        from simscale_gym.browser.programs import open_program
        from simscale_gym.browser.view import serve

        program = open_program(
            settings.shown, scene=settings.scene, split=settings.split, scenes=settings.scenes, assets=settings.assets
        )  # fmt: skip
        window = serve(
            program, settings.cameras, settings.image_size, settings.gaussians, settings.port, settings.host
        )
    address = (
        f"http://{'localhost' if settings.host == '0.0.0.0' else settings.host}:{window.server.get_port()}"
    )
    print(f"{address} (Ctrl+C ends it)", flush=True)
    if settings.open and _has_screen():
        webbrowser.open(address)
    try:
        window.choose(window.program.first)
        window.server.sleep_forever()
    except KeyboardInterrupt:
        print()
    finally:
        window.close()
        window.server.stop()


def _has_screen() -> bool:
    """Whether a browser has something to open on: without, one for terminals would."""
    return not sys.platform.startswith("linux") or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))
