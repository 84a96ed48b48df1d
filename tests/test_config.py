"""Settings: which source wins, and that every mistake is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from cpetwin import config
from cpetwin.errors import BadInput


def toml(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "cpetwin.toml"
    file.write_text(text)
    return file


def test_defaults_are_those_of_the_surface() -> None:
    """Loopback, the well-known ports, authentication on."""
    settings = config.load()
    assert (settings.listen, settings.cwmp_port, settings.usp_port, settings.http_port, settings.file_port) == (
        "127.0.0.1", 7547, 7548, 8080, 7549,
    )  # fmt: skip
    assert (settings.data, settings.cpe_auth, settings.clock) == (Path("cpetwin-data"), "required", "system")


def test_flags_win_over_environment_over_file(tmp_path: Path) -> None:
    file = toml(tmp_path, "cwmp_port = 1\nhttp_port = 2\nusp-port = 3\n")
    settings = config.load(
        {"cwmp_port": 10, "listen": None},
        {"CPETWIN_CWMP_PORT": "20", "CPETWIN_HTTP_PORT": "0", "CPETWIN_USP_PORT": "", "CPETWIN_SERVER": "x"},
        file,
    )
    assert (settings.cwmp_port, settings.http_port, settings.usp_port) == (10, 0, 3)


@pytest.mark.parametrize("name", config.NAMES)
def test_every_setting_can_come_from_the_environment(name: str) -> None:
    samples = {"mqtt": "", "listen": "0.0.0.0", "cpe_auth": "off", "reenrol": "deny", "clock": "manual", "workers": "1",
               "store": "sqlite", "public_url": "http://acs.example.net/", "basic_over_http": "true"}  # fmt: skip
    text = samples.get(name, "4711" if name.endswith("port") else "some text")
    settings = config.load({}, {"CPETWIN_" + name.upper(): text})
    assert str(getattr(settings, name)).lower() == text.rstrip("/")


def test_an_unknown_key_is_an_error_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as error:
        config.load(file=toml(tmp_path, "cwmp_prot = 7547\n"))
    assert "cwmp_prot" in error.value.message and "cwmp_port" in error.value.hint


@pytest.mark.parametrize(
    ("flags", "part"),
    [
        ({"cwmp_port": 70000}, "65535"),
        ({"http_port": "http"}, "number"),
        ({"cwmp_port": True}, "number"),
        ({"workers": 4}, "one process"),
        ({"store": "cassandra://localhost/cpetwin"}, "sqlite"),
        ({"mqtt": "mqtt://localhost"}, "USP"),
        ({"cpe_auth": "maybe"}, "required, optional, off"),
        ({"listen": "everywhere"}, "IP address"),
        ({"public_url": "acs.example.net"}, "URL"),
        ({"clock": 5}, "system, manual"),
    ],
)
def test_a_wrong_value_is_named_with_what_was_expected(flags: dict[str, object], part: str) -> None:
    with pytest.raises(BadInput) as error:
        config.load(flags)
    assert part in error.value.message and next(iter(flags)) in error.value.message and error.value.hint


def test_a_file_that_is_no_toml_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no TOML"):
        config.load(file=toml(tmp_path, "cwmp_port 7547"))
    with pytest.raises(BadInput, match="cannot read"):
        config.load(file=tmp_path / "absent.toml")


def test_a_password_is_never_shown() -> None:
    settings = config.load({"cpe_password": "hunter2"})
    assert "hunter2" not in repr(settings)
    with pytest.raises(BadInput) as error:
        config.load({"cpe_password": 5})
    assert "5" not in error.value.message
