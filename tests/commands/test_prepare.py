"""What is made ahead."""

from simscale_gym.commands import prepare
from simscale_gym.commands.settings import Prepare
from simscale_gym.sources import list_scenes


def test_a_dry_run_says_how_much_it_would_be(console, town_cache):
    code, out, _ = console("prepare", "--dry-run", "--first", 7, "--workers", 2)
    assert code == 0 and "7 scenes with their streets: at most" in out and "on 2 cores" in out
    _, without, _ = console("prepare", "--dry-run", "--first", 7, "--workers", 2, "--no-cameras")
    assert "7 scenes: at most" in without
    megabytes = [int(text.split(" MB")[0].split()[-1]) for text in (out, without)]
    assert megabytes == [round(7 * (prepare.SCENE_MB + prepare.STREET_MB)), round(7 * prepare.SCENE_MB)]


def test_scenes_are_there_afterwards(console, town_cache, monkeypatch):
    drawn, driven = [], []
    monkeypatch.setattr(prepare, "_drive_a_little", driven.append)
    monkeypatch.setattr(prepare, "_prepared", lambda cameras, ref: drawn.append((ref.id, cameras)))
    code, out, _ = console("prepare", "--first", 6, "--workers", 1)
    assert code == 0 and "6 scenes are ready" in out and len(driven) == 1
    first = [ref.id for ref in list_scenes("town")[:6]]
    assert sorted(drawn) == [(name, True) for name in first]
    assert [name for name, _ in drawn[:2]] == [first[0], first[5]]  # drives of different logs come first


def test_a_street_is_kept_in_the_cache(town_cache, monkeypatch):
    from simscale_gym.dressing.looks.look_cache import LookCache

    kept = []
    monkeypatch.setattr(LookCache, "get", lambda self, key, make: kept.append(self.folder) or make())
    prepare._prepared(True, list_scenes("town")[0])
    assert len(kept) > 1 and set(kept) == {town_cache / "looks"}


def test_a_number_that_means_nothing_is_answered(console):
    code, _, err = console("prepare", "--first", 0)
    assert code == 1 and "first: 0, expected 1 or more" in err


def test_the_estimate_counts_processes():
    assert Prepare().workers is None
    one, two = (int(prepare._estimate(100, True, n).split(" minutes")[0].split()[-1]) for n in (1, 2))
    assert two < one < 2 * two
