"""``cpetwin status``: addresses, store and counts of a running server."""

from __future__ import annotations

import click

from ._client import connect
from ._options import Everywhere
from ._output import document, pairs


@click.command("status", short_help="addresses, store and counts of a running server")
@click.pass_obj
def cli(everywhere: Everywhere) -> None:
    """Addresses, store and counts of a running server."""
    status = connect(everywhere).get("status")
    if everywhere.json:
        document(status)
        return
    store = status["store"]
    per_device = store["bytes_per_device"]
    size = f"{store['bytes']:,} bytes" + (f", {per_device:,.0f} a device" if per_device else "")
    pairs(
        [
            ("version", f"{status['version']} (process {status['pid']})"),
            ("ready", ", ".join(f"{name} {'up' if up else 'DOWN'}" for name, up in status["parts"].items())),
            ("page", status["api"]),
            ("CWMP", status["cwmp"]),
            ("USP", status["usp_ws"]),
            ("files", status["files"]),
            ("MQTT", status["mqtt"]),
            ("authentication", f"{status['cpe_auth']} for devices"),
            ("devices", f"{status['devices']:,}"),
            ("contact", ", ".join(f"{number:,} {word}" for word, number in status["contacts"].items() if number)),
            ("read whole", f"{store['with_full_tree']:,}"),
            ("queue", f"{status['queue']:,}"),
            ("store", f"{store['kind']}, {size}"),
        ]
    )
