"""A real browser draws what it is sent."""

import shutil
import subprocess
import time

import numpy as np
import pytest

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SOFTWARE = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist")
PATIENCE = (
    600.0  # without a GPU a first picture takes half a minute on two idle cores, minutes on busy ones [s]
)


@pytest.fixture
def client(make_window, town_scene, tmp_path):
    """A browser that has opened a window."""
    if BROWSER is None:
        pytest.skip("no Chromium is installed")
    window = make_window(town_scene, cameras=())
    address = f"http://127.0.0.1:{window.server.get_port()}"
    process = subprocess.Popen(
        [BROWSER, "--headless=new", "--no-sandbox", "--window-size=320,240", *SOFTWARE,
         f"--user-data-dir={tmp_path}", address],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + PATIENCE
        while not window.server.get_clients() and time.monotonic() < deadline:
            time.sleep(0.2)
        clients = list(window.server.get_clients().values())
        assert clients, "the browser never opened the page"
        yield window, clients[0]
    finally:
        process.terminate()
        process.wait()


def rendered(client):
    return client.get_render(height=90, width=160, timeout=PATIENCE).astype(float)


def test_gaussians_and_all_else_are_seen(client):
    window, client = client
    whole = rendered(client)
    assert whole.std() > 20.0
    window.panel.layers["Gaussians"].value = False
    bare = rendered(client)
    assert np.abs(whole - bare).mean() > 5.0
    window.panel.layers["Gaussians"].value = True
