"""The bounds of the CWMP endpoint: what a stranger may cost before anybody looks at the message."""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpLimits:
    """Sizes in bytes, times in seconds of real time, never of the domain clock.

    Time-outs are kept by one sweep every ``sweep_s`` for all connections, so they fire up to that much late.
    """

    header_bytes: int = 16 * KIB
    """Names and values of all headers (and trailers) of one request; above it 431."""
    header_count: int = 100
    target_bytes: int = 8 * KIB
    """The request target; above it 414."""
    body_bytes: int = 32 * MIB
    """The body as sent; above it 413."""
    inflated_bytes: int = 32 * MIB
    """The body after gzip or deflate; above it 413."""
    inflate_ratio: int = 100
    """Inflated size over sent size; looked at above ``inflate_free`` only."""
    inflate_free: int = MIB
    header_s: float = 10.0
    body_s: float = 60.0
    body_rate: int = 4 * KIB
    """Bytes per second that buy a large body more time than ``body_s``, so that a slow line may send 5 MB."""
    work_s: float = 60.0
    """How long the handler may keep a request; then 503, so that a lost answer never leaves a stuck connection."""
    idle_s: float = 75.0
    """Keep-alive without a request."""
    linger_s: float = 2.0
    """How long a refused peer may go on sending before the connection is torn down."""
    drain_bytes: int = 64 * KIB
    """Body of a refused request that is read and thrown away to keep the connection."""
    connections: int = 50_000
    per_address: int = 1_000
    """Connections of one IPv4 address or one IPv6 /64."""
    loopback_exempt: bool = True
    """Loopback addresses have no ``per_address`` bound (load generators, relays between workers)."""
    pipelined: int = 8
    """Requests that may wait behind the one being handled; above it the connection is refused."""
    retry_after: tuple[int, int] = (30, 300)
    """Range in seconds of the random Retry-After of a 503."""
    sweep_s: float = 1.0
