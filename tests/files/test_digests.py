"""A sealed folder tells when anything in it is another than it was."""

import pytest

from simscale_gym.errors import DataError
from simscale_gym.files import digests
from simscale_gym.files.digests import SEAL, damage, seal


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.txt").write_text("a" * 100)
    (tmp_path / "deep" / "b.bin").write_bytes(bytes(range(256)))
    seal(tmp_path)
    return tmp_path


def test_a_folder_as_it_was_sealed(folder):
    assert damage(folder) == ""
    (folder / "more").write_text("beside")
    assert damage(folder) == ""


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.txt", "a" * 99 + "b", "a.txt is not as it was written"),
        ("a.txt", "", "a.txt is not as it was written"),
        ("deep/b.bin", None, "b.bin: No such file"),
        (SEAL, None, f"{SEAL}: No such file"),
        (SEAL, "{", f"{SEAL}: "),
        (SEAL, "[]", f"{SEAL} lists no digests"),
        (SEAL, '{"a.txt": "0"}', "a.txt is not as it was written"),
    ],
)
def test_damage_is_named(folder, name, content, said):
    (folder / name).unlink() if content is None else (folder / name).write_text(content)
    assert damage(folder).startswith(said)


def test_files_that_did_not_change_are_read_once(folder, monkeypatch):
    assert damage(folder) == ""
    monkeypatch.setattr(digests, "file_digest", lambda path: pytest.fail(f"read {path} again"))
    assert damage(folder) == ""


def test_stamps_are_of_content_and_size_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(digests, "_PART", 64)
    for size in (0, 100, 64 * 64, 100_000):
        first, copy = tmp_path / f"a{size}", tmp_path / f"b{size}"
        for path in (first, copy):
            path.write_bytes(bytes(range(256)) * (size // 256) + bytes(size % 256))
        assert digests.content_stamp(first) == digests.content_stamp(copy)
        copy.write_bytes(first.read_bytes() + b"x")
        assert digests.content_stamp(first) != digests.content_stamp(copy)
    changed = tmp_path / "c"
    changed.write_bytes(first.read_bytes()[:-1] + b"y")
    assert digests.content_stamp(changed) != digests.content_stamp(first)
    with pytest.raises(DataError, match="No such file"):
        digests.content_stamp(tmp_path / "none")
