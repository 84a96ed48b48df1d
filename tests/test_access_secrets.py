"""Secrets at rest: what is sealed opens with the right key and context only, and errors name the file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpetwin.access.secrets import (
    FOLDER_FILE,
    KeyMissing,
    KeyWrong,
    SecretBox,
    SecretsError,
    default_key_file,
    open_box,
)

KEY = bytes(range(32))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "config" / "master.key"


@given(st.binary(max_size=300), st.text(max_size=40))
def test_what_is_sealed_opens_again(secret: bytes, context: str) -> None:
    sealed = SecretBox(KEY).seal(secret, context)
    assert SecretBox(KEY).open(sealed, context) == secret
    assert len(sealed) == len(secret) + 29


@given(st.binary(min_size=1, max_size=80), st.data())
def test_any_changed_byte_is_noticed(secret: bytes, data: st.DataObject) -> None:
    sealed = bytearray(SecretBox(KEY).seal(secret, "a"))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(KeyWrong):
        SecretBox(KEY).open(bytes(sealed), "a")


@given(st.binary(max_size=40))
def test_arbitrary_bytes_are_refused_not_crashed_on(data: bytes) -> None:
    with pytest.raises(KeyWrong):
        SecretBox(KEY).open(data, "a")


def test_a_sealed_secret_does_not_open_under_another_context() -> None:
    box = SecretBox(KEY)
    with pytest.raises(KeyWrong, match="device/B"):
        box.open(box.seal(b"secret", "device/A"), "device/B")


def test_the_same_secret_is_sealed_differently_each_time() -> None:
    assert SecretBox(KEY).seal(b"x", "a") != SecretBox(KEY).seal(b"x", "a")


def test_first_use_makes_key_and_folder_id_private_and_second_use_reads_them(folder: Path, key_file: Path) -> None:
    sealed = open_box(folder, key_file).seal(b"secret", "a")
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert (folder / FOLDER_FILE).stat().st_mode & 0o777 == 0o600
    assert open_box(folder, key_file).open(sealed, "a") == b"secret"
    assert sorted(p.name for p in key_file.parent.iterdir()) == ["master.key"], "no draft is left behind"


def test_the_data_folder_alone_does_not_hold_the_key(folder: Path, key_file: Path) -> None:
    open_box(folder, key_file)
    assert key_file.read_bytes().strip() not in b"".join(p.read_bytes() for p in folder.iterdir())


def test_two_folders_with_one_master_key_do_not_open_each_others_secrets(tmp_path: Path, key_file: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    sealed = open_box(tmp_path / "a", key_file).seal(b"secret", "c")
    with pytest.raises(KeyWrong):
        open_box(tmp_path / "b", key_file).open(sealed, "c")


def test_a_missing_key_is_not_replaced_and_the_error_says_which_file(folder: Path, key_file: Path) -> None:
    open_box(folder, key_file)
    key_file.unlink()
    with pytest.raises(KeyMissing) as caught:
        open_box(folder, key_file)
    assert str(key_file) in caught.value.message
    assert "CPETWIN_KEY_FILE" in caught.value.hint
    assert not key_file.exists()


def test_another_key_is_noticed_at_once(folder: Path, key_file: Path, tmp_path: Path) -> None:
    open_box(folder, key_file)
    other = tmp_path / "other.key"
    other.write_text("ab" * 32)
    other.chmod(0o600)
    with pytest.raises(KeyWrong, match="does not belong to"):
        open_box(folder, other)


@pytest.mark.parametrize("content", ["", "nonsense", "ab" * 31, "zz" * 32])
def test_a_file_that_is_no_key_is_refused(folder: Path, tmp_path: Path, content: str) -> None:
    bad = tmp_path / "bad.key"
    bad.write_text(content)
    bad.chmod(0o600)
    with pytest.raises(KeyWrong, match="no master key"):
        open_box(folder, bad)


def test_a_key_that_everybody_can_read_is_refused(folder: Path, key_file: Path) -> None:
    open_box(folder, key_file)
    key_file.chmod(0o644)
    with pytest.raises(SecretsError) as caught:
        open_box(folder, key_file)
    assert caught.value.hint == f"chmod 600 {key_file}"


def test_a_key_inside_the_data_folder_is_refused(folder: Path) -> None:
    with pytest.raises(SecretsError, match="inside the data folder"):
        open_box(folder, folder / "master.key")
    assert list(folder.iterdir()) == []


def test_a_damaged_folder_id_is_an_error_not_a_new_id(folder: Path, key_file: Path) -> None:
    open_box(folder, key_file)
    for damage in (b"", b"{}", b'{"id":"xyz","check":"00"}'):
        (folder / FOLDER_FILE).write_bytes(damage)
        with pytest.raises(SecretsError, match="damaged"):
            open_box(folder, key_file)


def test_a_place_that_cannot_be_written_is_explained(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SecretsError, match="cannot use"):
        open_box(folder, tmp_path / "file" / "master.key")


def test_where_the_key_is_looked_for() -> None:
    assert default_key_file({"CPETWIN_KEY_FILE": "/k", "XDG_CONFIG_HOME": "/x"}) == Path("/k")
    assert default_key_file({"XDG_CONFIG_HOME": "/x"}) == Path("/x/cpetwin/master.key")
    assert default_key_file({}) == Path(os.path.expanduser("~/.config/cpetwin/master.key"))
