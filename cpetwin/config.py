"""Settings: one typed, frozen object made from flags, environment, a TOML file and defaults, in this order.

Every setting has one name: ``cwmp_port`` in TOML is ``--cwmp-port`` as a flag and ``CPETWIN_CWMP_PORT`` in the
environment. Only ``load`` with a file touches the disk; everything else is pure.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .errors import BadInput

ENVIRONMENT_PREFIX = "CPETWIN_"
AUTH_MODES = ("required", "optional", "off")
REENROL_MODES = ("auto", "approve", "deny")
CLOCKS = ("system", "manual")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise BadInput("a text is expected")
    return value


def _one_of(*words: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        if value not in words:
            raise BadInput(f"one of {', '.join(words)} is expected")
        return str(value)

    return read


def _yes_no(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("1", "true", "yes", "0", "false", "no"):
        return value in ("1", "true", "yes")
    raise BadInput("true or false is expected")


def _number(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise BadInput("a number is expected")
    try:
        return int(value)
    except ValueError:
        raise BadInput("a number is expected") from None


def _port(value: object) -> int:
    port = _number(value)
    if not 0 <= port <= 65535:
        raise BadInput("a port from 1 to 65535 is expected, or 0 for any free one")
    return port


def _workers(value: object) -> int:
    if _number(value) != 1:
        raise BadInput("this version runs in one process; several workers are not there yet, leave it at 1")
    return 1


def _store(value: object) -> str:
    if value != "sqlite":
        raise BadInput("this version has the embedded store only: sqlite")
    return "sqlite"


def _address(value: object) -> str:
    text = _text(value)
    if text == "localhost":
        return "127.0.0.1"
    try:
        return str(ip_address(text))
    except ValueError:
        raise BadInput("an IP address is expected, such as 127.0.0.1 or 0.0.0.0") from None


def _no_mqtt(value: object) -> str:
    if value:
        raise BadInput("MQTT belongs to USP, which this version does not speak yet; leave it out")
    return ""


def _url(value: object) -> str:
    text = _text(value)
    if not text:
        return ""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadInput("a URL is expected, such as http://acs.example.net:7547")
    return text.rstrip("/")


def _folder(value: object) -> Path:
    if not isinstance(value, (str, Path)) or not str(value):
        raise BadInput("a folder is expected")
    return Path(value).expanduser()


def _setting(default: Any, read: Callable[[object], Any], says: str) -> Any:
    return field(default=default, metadata={"read": read, "says": says})


@dataclass(frozen=True)
class Settings:
    """What ``cpetwin serve`` runs with. Ports may be 0 (any free one); the real ones are in ``DIR/server.json``."""

    data: Path = _setting(Path("cpetwin-data"), _folder, "the data folder, made when absent")
    store: str = _setting("sqlite", _store, "the engine of the store")
    workers: int = _setting(1, _workers, "processes")
    listen: str = _setting("127.0.0.1", _address, "the address that every listener binds to")
    cwmp_port: int = _setting(7547, _port, "TR-069")
    usp_port: int = _setting(7548, _port, "USP over WebSocket; kept free, this version does not open it")
    http_port: int = _setting(8080, _port, "REST and the page")
    file_port: int = _setting(7549, _port, "file transfer; kept free, this version does not open it")
    cpe_auth: str = _setting("required", _one_of(*AUTH_MODES), "how devices prove themselves")
    cpe_user: str = _setting("", _text, "preset user of the bootstrap credential for new devices")
    cpe_password: str = _setting("", _text, "its password; made at random when empty")
    basic_over_http: bool = _setting(False, _yes_no, "accept Basic authentication of devices without TLS")
    reenrol: str = _setting("approve", _one_of(*REENROL_MODES), "a known device that bootstraps anew")
    clock: str = _setting("system", _one_of(*CLOCKS), "manual: domain time moves only when told to")
    public_url: str = _setting("", _url, "the URL that devices are told")
    mqtt: str = _setting("", _no_mqtt, "the MQTT broker")
    usp_endpoint_id: str = _setting("self::cpetwin", _text, "the controller's USP endpoint id")
    usp_topic: str = _setting("usp/controller", _text, "the MQTT topic prefix that agents publish to")

    def __repr__(self) -> str:
        shown = ", ".join(f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if f.name != "cpe_password")
        return f"Settings({shown})"


NAMES = tuple(f.name for f in fields(Settings))
_READ: dict[str, Callable[[object], Any]] = {f.name: f.metadata["read"] for f in fields(Settings)}
SAYS: dict[str, str] = {f.name: f.metadata["says"] for f in fields(Settings)}
"""setting -> what it is, in a few words (help texts, documentation)."""


def load(
    flags: Mapping[str, object] | None = None,
    environment: Mapping[str, str] | None = None,
    file: Path | None = None,
) -> Settings:
    """Settings from all sources. Flags that are None, and empty environment variables, count as not given.

    Raises BadInput that names the source and the setting.
    """
    toml = read_toml(file) if file is not None else {}
    given: dict[str, object] = {}
    for source, values in (
        (str(file), toml),
        ("the environment", from_environment(environment or {})),
        ("the command line", {name: value for name, value in (flags or {}).items() if value is not None}),
    ):
        for name, value in values.items():
            key = _known(source, name)
            given[key] = _checked(source, key, value)
    return replace(Settings(), **given)  # type: ignore[arg-type]


def from_environment(environment: Mapping[str, str]) -> dict[str, object]:
    """The settings among environment variables. Other ``CPETWIN_*`` variables belong to other programs."""
    return {name: text for name in NAMES if (text := environment.get(ENVIRONMENT_PREFIX + name.upper()))}


def read_toml(file: Path) -> dict[str, object]:
    """The settings of a TOML file. Raises BadInput when it cannot be read or is no TOML."""
    try:
        with file.open("rb") as opened:
            return tomllib.load(opened)
    except OSError as error:
        raise BadInput(f"cannot read {file}: {error.strerror}", "name an existing file with --config") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{file} is no TOML: {error}", "write one setting a line, such as cwmp_port = 7547") from error


def _known(source: str, name: str) -> str:
    key = name.replace("-", "_")
    if key not in _READ:
        near = get_close_matches(key, NAMES, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else "settings: " + ", ".join(NAMES)
        raise BadInput(f"{source}: there is no setting {name!r}", hint)
    return key


def _checked(source: str, key: str, value: object) -> object:
    try:
        return _READ[key](value)
    except BadInput as error:
        shown = "" if "password" in key else f" = {value!r}"
        raise BadInput(f"{source}: {key}{shown}: {error.message}", SAYS[key]) from None
