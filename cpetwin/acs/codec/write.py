"""Message to bytes: escaped templates, as the pickiest clients want them (cwmp.md section 15).

No XML declaration; the literal prefixes SOAP-ENV, SOAP-ENC, cwmp, xsd and xsi; arguments in schema
order; empty elements with an end tag; arrayType on every list; no Header when there is nothing in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from .errors import Unwritable
from .faults import fault_info
from .messages import NO_ARGUMENTS, Fault, SetFault
from .registry import FAULT, MESSAGES
from .text import escape, is_cwmp

_START = (
    '<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns:SOAP-ENC="http://schemas.xmlsoap.org/soap/encoding/" '
    'xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xmlns:cwmp="%s">'
)
_END = "</SOAP-ENV:Body></SOAP-ENV:Envelope>"


@lru_cache(maxsize=128)
def _start(namespace: str) -> str:
    if not is_cwmp(namespace):
        raise Unwritable(f"{namespace[:100]!r} is no CWMP namespace", "use that of the CPE's Inform")
    return _START % namespace


def envelope(
    name: str,
    args: object = NO_ARGUMENTS,
    *,
    id: str | None,
    namespace: str,
    hold: bool = False,
    use_version: str | None = None,
    session_timeout: int | None = None,
    supported_versions: Sequence[str] = (),
) -> bytes:
    """An RPC, a response or a ``Fault`` as a SOAP envelope, whoever sends it.

    ``args`` is the type that ``registry.MESSAGES`` names for it. ``hold`` and ``use_version`` are headers of an
    ACS, ``session_timeout`` (s) and ``supported_versions`` of a CPE.
    Raises Unwritable for a value that XML cannot carry, KeyError for an RPC that is not in the table,
    TypeError for arguments of another RPC.
    """
    entry = FAULT if name == "Fault" else MESSAGES[name]
    if type(args) is not entry.type:
        raise TypeError(f"{name} takes {entry.type.__name__}, not {type(args).__name__}")
    header = "" if id is None else f'<cwmp:ID SOAP-ENV:mustUnderstand="1">{escape(id)}</cwmp:ID>'
    if hold:
        header += '<cwmp:HoldRequests SOAP-ENV:mustUnderstand="1">1</cwmp:HoldRequests>'
    if use_version is not None:
        header += f'<cwmp:UseCWMPVersion SOAP-ENV:mustUnderstand="1">{escape(use_version)}</cwmp:UseCWMPVersion>'
    if session_timeout is not None:
        header += f'<cwmp:SessionTimeout SOAP-ENV:mustUnderstand="0">{session_timeout:d}</cwmp:SessionTimeout>'
    if supported_versions:
        versions = escape(",".join(supported_versions))
        header += f'<cwmp:SupportedCWMPVersions SOAP-ENV:mustUnderstand="0">{versions}</cwmp:SupportedCWMPVersions>'
    if header:
        header = f"<SOAP-ENV:Header>{header}</SOAP-ENV:Header>"
    prefix = "SOAP-ENV" if entry is FAULT else "cwmp"
    body = f"<SOAP-ENV:Body><{prefix}:{name}>{entry.write(args)}</{prefix}:{name}>"
    return f"{_start(namespace)}{header}{body}{_END}".encode()


def fault(
    code: int, id: str | None, namespace: str, text: str | None = None, set_faults: Sequence[SetFault] = ()
) -> bytes:
    """A fault envelope (HTTP status 200): 8xxx from an ACS, 9xxx from a CPE.

    ``text`` defaults to the code's meaning.
    """
    info = fault_info(code)
    args = Fault(code, text or info.meaning, info.faultcode, "CWMP fault", tuple(set_faults))
    return envelope("Fault", args, id=id, namespace=namespace)
