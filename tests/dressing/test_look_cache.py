"""Looks on disk: found again, made again where damaged, named by their content, bounded in size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from street import street_scene, street_shapes

from simscale_gym.dressing.looks import look_cache
from simscale_gym.dressing.looks.look_cache import LookCache, content_key
from simscale_gym.dressing.looks.packed_look import PackedLook
from simscale_gym.dressing.nodes.node_looks import look_template
from simscale_gym.dressing.nodes.template_store import TemplateStore


@dataclass(frozen=True)
class Plan:
    name: str
    points: np.ndarray


def test_made_once(tmp_path):
    made = []
    cache = LookCache(tmp_path / "looks")

    def make():
        made.append(1)
        return {"a": np.arange(5)}

    assert all(np.array_equal(cache.get("x", make)["a"], np.arange(5)) for _ in range(3))
    assert len(made) == 1


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 and then nothing", b"not an archive"])
def test_damaged_files_are_made_again_and_that_is_said(tmp_path, damage, caplog):
    cache = LookCache(tmp_path)
    cache.get("x", lambda: {"a": np.arange(5)})
    (tmp_path / "x.npz").write_bytes(damage)
    assert cache.get("x", lambda: {"a": np.arange(7)})["a"].size == 7
    assert cache.get("x", dict)["a"].size == 7
    (line,) = caplog.messages
    assert line.startswith(f"{tmp_path / 'x.npz'} is damaged")


def test_no_folder_keeps_nothing(tmp_path):
    assert LookCache(None).get("x", lambda: {"a": np.ones(1)})["a"].size == 1
    (tmp_path / "file").write_text("")
    assert LookCache(tmp_path / "file").get("x", lambda: {"a": np.ones(1)})["a"].size == 1


def test_the_least_recently_used_go_first(tmp_path, monkeypatch):
    monkeypatch.setattr(look_cache, "KEPT_BYTES", 20_000)
    cache = LookCache(tmp_path)
    for name in "abcd":
        cache.get(name, lambda: {"a": np.zeros(1000)})
    assert not (tmp_path / "a.npz").exists() and (tmp_path / "d.npz").exists()


def test_names_follow_the_content():
    plan = Plan("a", np.arange(3.0))
    assert content_key(plan) == content_key(Plan("a", np.arange(3.0)))
    others = [Plan("b", np.arange(3.0)), Plan("a", np.arange(3)), Plan("a", np.arange(4.0))]
    assert len({content_key(value) for value in (plan, *others)}) == 4


def test_a_kept_look_is_the_made_one(tmp_path):
    scene, shapes = street_scene(), street_shapes()
    made, kept = (PackedLook.of(scene, shapes, LookCache(tmp_path)) for _ in range(2))
    for name, value in vars(made.packed).items():
        assert np.array_equal(value, getattr(kept.packed, name)), name
    assert made.light == kept.light and np.array_equal(made.sky.table, kept.sky.table)
    assert np.array_equal(made.shade.at([[0.0, 0.0]]), kept.shade.at([[0.0, 0.0]]))


def test_templates_are_what_they_are_made_as(tmp_path):
    key = ("object", "cone", 1, 0)
    plain = look_template(*key)
    for _ in range(2):
        kept = TemplateStore(LookCache(tmp_path)).get(*key)
        assert all(np.array_equal(value, getattr(kept, name)) for name, value in vars(plain).items())
