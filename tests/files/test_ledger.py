"""What processes append to one file, and what becomes of damage."""

import io
import multiprocessing

import pytest

from simscale_gym.files import ledger as ledgers
from simscale_gym.files.ledger import Ledger

ENTRIES = [[0, 47, 1203, {"tlc": 3}], [7, 15, -1, {}], [1, 99, 0, {"out_of_bounds": 12}]]


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "scene" / "starts")


@pytest.fixture
def full(ledger):
    for entry in ENTRIES:
        ledger.add(entry)
    return ledger


def test_entries_come_back_in_order(full):
    assert full.entries() == ENTRIES
    assert Ledger(full.path).entries() == ENTRIES


def test_nobody_has_written_yet(ledger):
    assert ledger.entries() == []


@pytest.mark.parametrize(
    ("change", "left"),
    [
        (lambda data: data[:-5], ENTRIES[:2]),
        (lambda data: data.replace(b"1203", b"1204"), ENTRIES[1:]),
        (lambda data: data.replace(b"\n", b"\n[3,1,2,{}]\n", 1), ENTRIES),
        (lambda data: b"\x00\xff\n\n   \n{" + data, ENTRIES),
        (lambda data: b"", []),
    ],
    ids=["torn", "another number", "no seal", "something else", "empty"],
)
def test_damaged_lines_are_passed_over(full, change, left):
    full.path.write_bytes(change(full.path.read_bytes()))
    assert full.entries() == left
    full.add(ENTRIES[0])  # and what comes behind them is found
    assert full.entries() == [*left, ENTRIES[0]]


def test_lines_of_another_file_are_passed_over(full):
    other = Ledger(full.path.with_name("starts-of-something-else"))
    other.path.write_bytes(full.path.read_bytes())
    assert other.entries() == []


def test_a_folder_that_cannot_be_written_is_left_alone(tmp_path):
    (tmp_path / "scene").write_text("no folder")
    ledger = Ledger(tmp_path / "scene" / "starts")
    ledger.add(ENTRIES[0])
    assert ledger.entries() == []


def test_a_file_that_cannot_be_written_is_read(full, monkeypatch):
    def only_reads(path, mode, **_):
        if mode != "rb":
            raise PermissionError
        return io.open(path, mode)  # noqa: UP020

    monkeypatch.setattr(ledgers, "open", only_reads, raising=False)
    full.add([2, 3, 4, {}])
    assert full.entries() == ENTRIES


def test_processes_write_at_once(ledger):
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(ledger, number)) for number in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = ledger.entries()
    assert sorted(found) == [[number, count] for number in range(3) for count in range(300)]


def _write(ledger, number):
    for count in range(300):
        ledger.add([number, count])
