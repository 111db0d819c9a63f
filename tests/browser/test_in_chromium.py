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


def picture(client, seen):
    """The first picture of the browser that is as ``seen`` says: nodes and the view arrive one after the other."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        drawn = client.get_render(height=90, width=160, timeout=PATIENCE).astype(float)
        if seen(drawn):
            return drawn
    raise AssertionError("it was never drawn")


def test_gaussians_and_all_else_are_seen(client):
    window, client = client
    window.panel.layers["Gaussians"].value = False
    bare = picture(client, lambda drawn: drawn[0].mean() > 100.0)  # the sky
    assert bare.std() > 10.0
    window.panel.layers["Gaussians"].value = True
    street = picture(client, lambda drawn: np.abs(drawn - bare).mean() > 10.0)
    assert street.std() > 20.0
