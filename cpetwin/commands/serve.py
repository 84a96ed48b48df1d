"""``cpetwin serve``: run the server. Flags win over the environment, the environment over ``--config``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from ..config import AUTH_MODES, CLOCKS, REENROL_MODES, load


@click.command("serve", short_help="run the server")
@click.option("--data", metavar="DIR", help="Data folder, made when absent.  [default: cpetwin-data]")
@click.option("--config", metavar="FILE.toml", type=click.Path(path_type=Path), help="Settings, one a line.")
@click.option("--store", metavar="sqlite", help="Engine of the store.")
@click.option("--workers", type=int, metavar="N", help="Processes; this version runs in one.")
@click.option("--listen", metavar="ADDR", help="Address of every listener.  [default: 127.0.0.1]")
@click.option("--cwmp-port", type=int, metavar="PORT", help="TR-069; 0 takes any free port.  [default: 7547]")
@click.option("--usp-port", type=int, metavar="PORT", help="USP; not opened by this version.")
@click.option("--http-port", type=int, metavar="PORT", help="REST and page.  [default: 8080]")
@click.option("--file-port", type=int, metavar="PORT", help="File transfer; not opened by this version.")
@click.option("--cpe-auth", type=click.Choice(AUTH_MODES), help="How devices prove themselves.  [default: required]")
@click.option("--reenrol", type=click.Choice(REENROL_MODES), help="A known device that was reset.  [default: approve]")
@click.option("--basic-over-http/--no-basic-over-http", default=None, help="Accept Basic of devices without TLS.")
@click.option("--clock", type=click.Choice(CLOCKS), help="manual: domain time moves only when told to.")
@click.option("--public-url", metavar="URL", help="What devices are told.")
@click.option("--mqtt", metavar="URL", help="MQTT broker for USP; not in this version.")
@click.option("--usp-endpoint-id", metavar="ID", help="The controller's USP endpoint id.")
@click.option("--usp-topic", metavar="PREFIX", help="MQTT topic prefix that agents publish to.")
def cli(config: Path | None, **flags: Any) -> None:
    """Run the server until SIGTERM or Ctrl-C.

    When every listener is up it prints one line `ready {json}` and writes DIR/server.json. Each flag is also a key
    of FILE.toml and an environment variable (--cwmp-port: cwmp_port, CPETWIN_CWMP_PORT).
    """
    settings = load(flags, os.environ, config)
    from ..server import main

    raise click.exceptions.Exit(main(settings))
