"""``simscale-gym view`` serves a window and says where."""

import socket

import pytest

viser = pytest.importorskip("viser")


def test_it_says_where_and_ends_at_ctrl_c(console, town_scene, monkeypatch):
    shown = []

    def interrupted(server):
        nodes = server.scene.get_handle_by_name
        shown.append((nodes("/ego/car/0"), nodes("/gaussians"), nodes("/cameras/cam_f0")))
        raise KeyboardInterrupt

    monkeypatch.setattr(viser.ViserServer, "sleep_forever", interrupted)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    code, out, _ = console(
        "view", town_scene.id, "--no-open", "--port", port, "--gaussians", 500, "--cameras", "cam_f0"
    )
    assert code == 0 and f"http://127.0.0.1:{port} (Ctrl+C ends it)" in out
    ego, gaussians, camera = shown[0]
    assert ego is not None and 0 < len(gaussians.buffer) <= 500 and camera is not None


def test_what_is_not_there_is_an_error(console, tmp_path):
    code, _, err = console("view", tmp_path / "nowhere", "--no-open")
    assert code == 1 and "found nothing, expected one of" in err
