"""Secrets at rest: AES-256-GCM with a key that lives outside the data folder.

Two things are needed to read a sealed secret: the *master key* of this machine (a file in the
user's configuration, see ``default_key_file``) and the *folder id* in the data folder. The working
key is derived from both, so a stolen copy of the data folder tells nothing, and secrets of one
folder cannot be moved into another.

``context`` names what a secret is for (``cpe/ha1/001122-SN1``); it is authenticated, so a sealed
value copied into another record does not open.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ..errors import CpetwinError

KEY_FILE_VARIABLE = "CPETWIN_KEY_FILE"
FOLDER_FILE = "secrets.id"
KEY_BYTES = 32
_FORMAT = b"\x01"
_NONCE_BYTES = 12
_HEX_KEY = re.compile(rf"[0-9a-f]{{{2 * KEY_BYTES}}}\Z")


class SecretsError(CpetwinError):
    """A secret cannot be sealed or opened; the hint says which file matters."""

    code = "secrets"
    status = 503


class KeyMissing(SecretsError):
    """The data folder has secrets, but the master key that opens them is not there."""

    code = "master-key-missing"


class KeyWrong(SecretsError):
    """The master key is there, but it is not the one (or the stored bytes were altered)."""

    code = "master-key-wrong"


class _Folder(msgspec.Struct, frozen=True):
    """Contents of FOLDER_FILE: a random id and a value that only the right key reproduces (both hex)."""

    id: str
    check: str


class SecretBox:
    """Seals and opens secrets with one derived key. About 2 microseconds each way; safe to share in a process."""

    def __init__(self, key: bytes, origin: str = "the master key") -> None:
        """``key``: 32 bytes. ``origin`` names the key file in error messages."""
        self._cipher = AESGCM(key)
        self._origin = origin

    def seal(self, secret: bytes, context: str) -> bytes:
        """Format byte, nonce, ciphertext with tag: 29 bytes longer than the secret."""
        nonce = os.urandom(_NONCE_BYTES)
        return _FORMAT + nonce + self._cipher.encrypt(nonce, secret, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """The inverse of ``seal`` with the same context. Raises KeyWrong."""
        if sealed[:1] != _FORMAT:
            raise KeyWrong(
                f"the sealed secret for {context} has an unknown format", "the store was written by a newer cpetwin"
            )
        nonce, ciphertext = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, ciphertext, context.encode())
        except (InvalidTag, ValueError) as error:
            raise KeyWrong(
                f"the secret for {context} does not open with {self._origin}",
                f"the record was altered, or belongs to another key: put the right one back or name it in "
                f"{KEY_FILE_VARIABLE}",
            ) from error


def default_key_file(environment: Mapping[str, str] = os.environ) -> Path:
    """CPETWIN_KEY_FILE, else ``$XDG_CONFIG_HOME/cpetwin/master.key``, else ``~/.config/cpetwin/master.key``."""
    named = environment.get(KEY_FILE_VARIABLE)
    if named:
        return Path(named).expanduser()
    base = environment.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "cpetwin" / "master.key"


def open_box(folder: Path, key_file: Path | None = None) -> SecretBox:
    """The box of a data folder; makes the master key and the folder id on first use.

    Raises KeyMissing when the folder has an id but the key file is gone (a new key would not open
    what is stored, so none is made), KeyWrong when the key is another one, SecretsError when the key
    file lies inside the data folder, is readable by everybody, or cannot be read or written.
    """
    key_file = key_file or default_key_file()
    if key_file.resolve().is_relative_to(folder.resolve()):
        raise SecretsError(
            f"the master key {key_file} lies inside the data folder {folder}",
            f"a copy of the folder would then open its own secrets: move the key and set {KEY_FILE_VARIABLE}",
        )
    folder_file = folder / FOLDER_FILE
    try:
        if folder_file.exists() and not key_file.exists():
            raise KeyMissing(
                f"{folder} holds secrets, but their master key {key_file} is missing",
                f"restore that file from a backup, or name the right one in {KEY_FILE_VARIABLE}",
            )
        if not key_file.exists():
            key_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _create(key_file, secrets.token_hex(KEY_BYTES).encode() + b"\n")
        master = _read_master(key_file)
        if not folder_file.exists():
            id = secrets.token_bytes(16)
            text = msgspec.json.encode(_Folder(id.hex(), _derive(master, id, b"check").hex()))
            _create(folder_file, text + b"\n")
        stored = msgspec.json.decode(folder_file.read_bytes(), type=_Folder)
        folder_id = bytes.fromhex(stored.id)
    except OSError as error:
        raise SecretsError(
            f"cannot use {error.filename or key_file}: {error.strerror}",
            f"make it accessible to this user, or name another key file in {KEY_FILE_VARIABLE}",
        ) from error
    except (msgspec.DecodeError, ValueError) as error:
        raise SecretsError(f"{folder_file} is damaged: {error}", "restore that file from a backup") from error
    if not hmac.compare_digest(_derive(master, folder_id, b"check").hex(), stored.check):
        raise KeyWrong(
            f"the master key {key_file} does not belong to {folder}",
            f"put the key back with which the folder was created, or name it in {KEY_FILE_VARIABLE}",
        )
    return SecretBox(_derive(master, folder_id, b"secrets"), str(key_file))


def _derive(master: bytes, folder_id: bytes, purpose: bytes) -> bytes:
    """HKDF-SHA256 of the master key, salted with the folder's id."""
    return HKDF(SHA256(), KEY_BYTES, salt=folder_id, info=b"cpetwin " + purpose).derive(master)


def _read_master(key_file: Path) -> bytes:
    if key_file.stat().st_mode & 0o007:
        raise SecretsError(f"the master key {key_file} is open to every user", f"chmod 600 {key_file}")
    with key_file.open("rb") as file:
        text = file.read(4 * KEY_BYTES).decode("ascii", "replace").strip()
    if not _HEX_KEY.match(text):
        raise KeyWrong(f"{key_file} is no master key (64 hex digits expected)", "restore that file from a backup")
    return bytes.fromhex(text)


def _create(path: Path, content: bytes) -> None:
    """Write a new file, mode 0600, that appears with all of its content or not at all.

    When another process was first, its file stays and wins.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # A link fails if the name is taken; a rename would overwrite a key that another process just made.
        try:
            os.link(draft, path)
        except FileExistsError:
            return
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    finally:
        draft.unlink()
