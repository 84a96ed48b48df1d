"""Services: what the API is built on. The composition root makes it; the API makes nothing of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from ..access.credentials import Credentials
from ..access.tokens import Tokens
from ..access.users import Users
from ..clock import Clock
from ..config import Settings
from ..queue import Queue
from ..twin.store.base import Store


@dataclass(frozen=True)
class Services:
    """``addresses`` gives the URLs devices and people use (``cwmp``, ``api`` and so on), without secrets.

    ``readiness`` names each part that must be up and whether it is; the server is ready when all are.
    """

    store: Store
    queue: Queue
    users: Users
    tokens: Tokens
    credentials: Credentials
    clock: Clock
    settings: Settings
    addresses: Callable[[], dict[str, str]]
    readiness: Callable[[], dict[str, bool]]
    metrics: CollectorRegistry
