"""Paths without their instances: cheap, for look-ups by what a parameter is. It checks nothing and loads nothing."""

from __future__ import annotations

import re

_INSTANCE = re.compile(r"(?<=\.)(?:[0-9]+|\*)(?=\.|\Z)")


def without_instances(path: str) -> str:
    """``Device.WiFi.Radio.1.Channel`` and ``Device.WiFi.Radio.*.Channel`` -> ``Device.WiFi.Radio.{i}.Channel``."""
    return _INSTANCE.sub("{i}", path)
