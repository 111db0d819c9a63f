"""What is made ahead."""

from simscale_gym.commands import prepare
from simscale_gym.dressing.looks.look_cache import KEPT_BYTES
from simscale_gym.sources import list_scenes


def figures(out):
    """Minutes, processes and megabytes of an estimate."""
    words = out.split("at most ")[1].replace(",", "").split()
    return int(words[0]), int(words[3]), int(words[6])


def test_a_dry_run_says_how_much_it_would_be(console, town_cache):
    code, out, _ = console("prepare", "--dry-run", "--first", 7, "--workers", 2)
    assert code == 0 and out.startswith("7 scenes and 7 streets: at most")
    assert figures(out)[1:] == (2, round(7 * (prepare.SCENE_MB + prepare.STREET_MB)))
    _, out, _ = console("prepare", "--dry-run", "--first", 7, "--workers", 2, "--no-cameras")
    assert out.startswith("7 scenes: at most") and figures(out)[2] == round(7 * prepare.SCENE_MB)


def test_no_more_streets_are_dressed_than_the_cache_keeps(console, town_cache):
    _, out, _ = console("prepare", "--dry-run", "--workers", 2)
    most = int(KEPT_BYTES / (1e6 * prepare.STREET_MB))
    assert most < 200 and f"only {most} of 200 are dressed" in out
    _, fewer, _ = console("prepare", "--dry-run", "--workers", 4)
    assert figures(fewer)[0] < figures(out)[0]


def test_scenes_are_there_afterwards(console, town_cache, monkeypatch):
    done, driven = [], []
    monkeypatch.setattr(prepare, "_drive_a_little", driven.append)
    monkeypatch.setattr(prepare, "_prepared", lambda _, task: done.append((task[0].id, task[1])))
    code, out, _ = console("prepare", "--first", 6, "--workers", 1)
    assert code == 0 and "6 scenes are ready" in out and len(driven) == 1
    first = [ref.id for ref in list_scenes("town")[:6]]
    assert sorted(done) == [(name, True) for name in first]
    assert [name for name, _ in done[:2]] == [first[0], first[5]]  # drives of different logs come first


def test_a_street_is_kept_in_the_cache(town_cache, monkeypatch):
    kept, plain = [], prepare.make_renderer
    monkeypatch.setattr(
        prepare, "make_renderer", lambda scene, **told: kept.append(told["cache"]) or plain(scene, **told)
    )
    prepare._prepared(None, (list_scenes("town")[0], False))
    assert kept == []
    prepare._prepared(None, (list_scenes("town")[0], True))
    assert kept == [town_cache / "looks"]


def test_a_number_that_means_nothing_is_answered(console):
    code, _, err = console("prepare", "--first", 0)
    assert code == 1 and "first: 0, expected 1 or more" in err
