import copy
import gzip
import json
from pathlib import Path

import pytest

from simscale_gym.errors import DataError
from simscale_gym.parity import compare, read_fixtures, run_parity
from simscale_gym.parity.checks import CHECKS

FIXTURES = Path(__file__).parents[1] / "data" / "epdms.json.gz"


@pytest.fixture(scope="module")
def fixtures():
    return read_fixtures(FIXTURES)


@pytest.fixture(scope="module")
def report(fixtures):
    return compare(fixtures)


def test_all_values_agree_with_navsim(report):
    assert report.agrees, [row for row in report.rows.values() if row.agree < row.total]
    assert sum(row.total for row in report.rows.values()) > 2500


@pytest.mark.parametrize(
    "name",
    ["situations", "extended_comfort", "end_to_end", "pdm_closed", "idm_steps", "aggregation", "idm_traffic"],
)
def test_every_list_is_compared(report, name):
    assert name in CHECKS
    assert any(group.split(":")[0] == name for group, _ in report.rows)


def test_the_fixtures_hold_both_outcomes_of_each_subscore(fixtures):
    rows = [plan["batch"] for s in fixtures["situations"] for plan in s["trajectories"]]
    for name in rows[0]:
        assert len({row[name] for row in rows}) >= 2, name


def test_one_wrong_value_is_found(fixtures):
    wrong = {"situations": copy.deepcopy(fixtures["situations"][:1])}
    wrong["situations"][0]["trajectories"][3]["pair"]["ego_progress"] += 1e-5
    report = compare(wrong)
    assert not report.agrees
    bad = [row for row in report.rows.values() if row.agree < row.total]
    assert [(row.group, row.name, row.total - row.agree) for row in bad] == [
        ("situations: pair", "ego_progress", 1)
    ]


def test_plain_files_are_read_too_and_say_no_by_their_result(fixtures, tmp_path, capsys):
    path = tmp_path / "fixtures.json"
    part = {"aggregation": fixtures["aggregation"], "situations": [], "novelty": [1]}
    path.write_text(json.dumps(part))
    assert run_parity(path)
    shown = capsys.readouterr().out
    assert "weighted_score" in shown
    assert "10 of 10" in shown
    assert "novelty: not compared" in shown
    part = copy.deepcopy(part)
    part["aggregation"][0]["weighted_score"] = 2.0
    path.write_text(json.dumps(part))
    assert not run_parity(path)
    assert "9 of 10" in capsys.readouterr().out


def test_nothing_to_compare_is_no_agreement(tmp_path):
    path = tmp_path / "fixtures.json"
    path.write_text('{"situations": []}')
    assert not run_parity(path)


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"{", "JSON"), (b"[]", "situations"), (b'{"situations": 3}', "situations"), (b"\x1f\x8bxx", "JSON"),
     (b'{"situations": [{"name": "x"}]}', r"situations\[0\]"), (b'{"situations": [7]}', r"situations\[0\]"),
     (b"\xff\xfe\x00", "JSON"), (b"[" * 100_000, "JSON"), (gzip.compress(b"{}", mtime=0)[:10] + b"\xff" * 9, "JSON")],
)  # fmt: skip
def test_unusable_files_are_named(tmp_path, content, expected):
    path = tmp_path / "fixtures.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=expected):
        run_parity(path)


def test_absent_and_truncated_files_are_named(tmp_path):
    with pytest.raises(DataError, match="fixtures"):
        run_parity(tmp_path / "absent.json.gz")
    path = tmp_path / "short.json.gz"
    path.write_bytes(FIXTURES.read_bytes()[:5000])
    with pytest.raises(DataError, match="JSON"):
        run_parity(path)


def test_a_wrong_field_is_named(fixtures, tmp_path):
    broken = {"situations": [copy.deepcopy(fixtures["situations"][0])]}
    del broken["situations"][0]["trajectories"][0]["states"]
    path = tmp_path / "fixtures.json.gz"
    path.write_bytes(gzip.compress(json.dumps(broken).encode()))
    with pytest.raises(DataError, match=r"situations\[0\].*no 'states'"):
        run_parity(path)
