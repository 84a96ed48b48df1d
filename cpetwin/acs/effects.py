"""What a session asks of the world. The session is sans-I/O: it yields one of these and is sent the answer.

The endpoint performs them; a test answers them from a list.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, NamedTuple, TypeAlias

from ..twin.report import Report


class Commit(NamedTuple):
    """Make a Report durable. Answer: ``Committed``; raises ``Stale`` when a newer session has taken over."""

    report: Report


class LoadTwin(NamedTuple):
    """Answer: the whole twin (``TwinView``)."""


class LoadCommands(NamedTuple):
    """Answer: the device's active ``StoredCommand``s in their order."""


class RenewCredentials(NamedTuple):
    """Answer: ``NewCredentials`` the device shall use from now on; the old ones stay valid until it does."""


class Reopen(NamedTuple):
    """Our own command makes the device lose its credentials: it may come with the bootstrap one. Answer: None."""


class Learn(NamedTuple):
    """Remember what this model cannot bear. Answer: None."""

    quirks: object


class Call(NamedTuple):
    """An RPC for the device, yielded by a job. Answer: the body of its response, a ``Fault``, or ``Lost``."""

    name: str
    args: object


class Lost(NamedTuple):
    """The device went on without answering. ``parameter_key`` is its ParameterKey afterwards, None if unknown."""

    parameter_key: str | None


class SessionLost(Exception):
    """Thrown into a job when the session ends in the middle; it may yield Commits, but no Call."""


class NewCredentials(NamedTuple):
    """What a device is given at its first contact (TR-069 3.4.4, ManagementServer.Username ...)."""

    username: str
    password: str
    connection_request_username: str
    connection_request_password: str


class Reply(NamedTuple):
    """The answer to one POST: 200 with an envelope, 204 for the end, 400 for what cannot be answered."""

    status: int
    body: bytes = b""


Effect: TypeAlias = Commit | LoadTwin | LoadCommands | RenewCredentials | Reopen | Learn
Job: TypeAlias = Generator[Any, Any, None]
"""A piece of work in a session: yields ``Effect``s and ``Call``s."""
Steps: TypeAlias = Generator[Any, Any, Reply]
"""The way from one POST to its answer: yields ``Effect``s, returns the ``Reply``."""
