"""Scenes, samples and drives shown in a browser."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from simscale_gym.browser.programs import open_program
from simscale_gym.errors import ArgumentError, MissingExtraError
from simscale_gym.scene import Scene

if TYPE_CHECKING:
    import viser

    from simscale_gym.browser.subject import Program
    from simscale_gym.browser.window import BrowserWindow
    from simscale_gym.datagen import DataSet
    from simscale_gym.evaluation import Evaluation

PORT = 8080
"""Where the window is by default."""


def view(
    shown: str | Path | Scene | Sequence[Scene] | DataSet | Evaluation,
    *,
    scene: str | None = None,
    split: str | None = None,
    scenes: str | Path | Sequence[Scene] | None = None,
    assets: Path | None = None,
    cameras: Sequence[str] = ("cam_f0", "cam_l0", "cam_r0"),
    image_size: tuple[int, int] = (144, 256),
    gaussians: int = 250_000,
    port: int = PORT,
    host: str = "127.0.0.1",
) -> viser.ViserServer:
    """Show scenes, a data set or an evaluation in a browser, at ``http://host:port``.

    It returns when the first subject is shown; the server goes on until it is stopped (``server.stop()``). In a
    notebook, ``server.scene.show()`` embeds what is there.

    Args:
        shown: Id of a scene of the town, or "town"; a file or folder of logs; a folder that ``collect --out`` or
            ``evaluate --out`` wrote; or scenes, a data set or an evaluation in memory.
        scene: Id of the scene that is shown first; the first one if None.
        split: Split of the source; "train", or that of the id, if None.
        scenes: Folder of the scenes, or the scenes, for evaluations of suites that are not of the town.
        assets: Scene asset, or a folder of them; None for the looks that the scenes have.
        cameras: Names of the cameras.
        image_size: Height, width of their pictures [px].
        gaussians: Number of Gaussians that are sent at most; 0 sends none.
        port: Port of the window; another one is taken where it is not free.
        host: Address that it is served at; "0.0.0.0" lets other machines see it.

    Raises:
        MissingExtraError: viser is not installed.
        ArgumentError, DataError, SceneError: What is to be shown is not there, or cannot be read.
    """
    program = open_program(shown, scene=scene, split=split, scenes=scenes, assets=assets)
    window = serve(program, tuple(cameras), image_size, gaussians, port, host)
    window.choose(program.first)
    return window.server


def serve(
    program: Program,
    cameras: tuple[str, ...],
    image_size: tuple[int, int],
    gaussians: int,
    port: int,
    host: str,
) -> BrowserWindow:
    """The window of :func:`view`, which shows nothing yet.

    Raises:
        MissingExtraError: viser is not installed.
        ArgumentError: A number is out of its bounds.
    """
    try:
        import viser
    except ImportError as error:
        raise MissingExtraError("viser", "viewer") from error
    from simscale_gym.browser.window import BrowserWindow, WindowConfig

    if gaussians < 0 or not 0 < port < 65536:
        raise ArgumentError(f"gaussians: {gaussians}, port: {port}, expected 0 or more, and 1 to 65535.")
    server = viser.ViserServer(host=host, port=port, label="simscale_gym", verbose=False)
    return BrowserWindow(server, program, WindowConfig(cameras, image_size, gaussians))
