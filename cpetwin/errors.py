"""Errors that a user, an operator or a device can cause.

Each has a stable ``code`` for programs, a sentence for people, and a ``hint`` that says what to do.
``status`` is the HTTP status of the REST API, ``exit_code`` the one of the command line.
"""

from __future__ import annotations


class CpetwinError(Exception):
    """Base of all expected errors. ``str(error)`` is the sentence shown to people."""

    code = "failed"
    status = 400
    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class BadInput(CpetwinError):
    """The request itself is wrong (syntax, type, range)."""

    code = "bad-input"
    status = 400
    exit_code = 2


class NotFound(CpetwinError):
    code = "not-found"
    status = 404
    exit_code = 3


class Ambiguous(CpetwinError):
    """A short id fits several devices; ``candidates`` lists some of them."""

    code = "ambiguous"
    status = 409
    exit_code = 2

    def __init__(self, message: str, candidates: list[str]) -> None:
        super().__init__(message, "give more of the id: " + ", ".join(candidates))
        self.candidates = candidates


class Unauthenticated(CpetwinError):
    code = "unauthenticated"
    status = 401
    exit_code = 4


class Denied(CpetwinError):
    code = "denied"
    status = 403
    exit_code = 4


class Conflict(CpetwinError):
    """The state changed meanwhile, or an idempotency key was used for something else."""

    code = "conflict"
    status = 409
    exit_code = 5


class Stale(Conflict):
    """A write carried an old revision or session epoch."""

    code = "stale"
    status = 412


class Unavailable(CpetwinError):
    """The store or a listener cannot serve now; the caller may retry later."""

    code = "unavailable"
    status = 503
    exit_code = 6
