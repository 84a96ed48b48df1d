"""Bytes to Message, for both ends of CWMP (TR-069 3.4, SOAP 1.1)."""

from __future__ import annotations

from typing import Any

from .errors import CodecError
from .kinds import to_bool, to_int
from .messages import NO_ARGUMENTS, Message, UnknownRpc
from .registry import FAULT, MESSAGES
from .text import is_cwmp, local
from .tree import read_tree

MAX_BYTES = 32 << 20
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
NAMESPACES = tuple(f"urn:dslforum-org:cwmp-1-{minor}" for minor in range(5))

_ENVELOPE = f"{{{SOAP}}}Envelope"
_MAX_ID = 1024

EMPTY = Message(name="empty", body=NO_ARGUMENTS)
"""What a POST without a body, or with blanks only, means."""


def parse(body: bytes, *, max_bytes: int = MAX_BYTES) -> Message:
    """Decode one HTTP body.

    Raises CodecError; see READ_CODES. An RPC outside the table is no error: its body is UnknownRpc.
    """
    if len(body) > max_bytes:
        raise CodecError("too-large", f"the body has more than {max_bytes} bytes")
    if not body or body.isspace():
        return EMPTY
    root = read_tree(body)
    header, rpc = _parts(root)
    headers = _read_header(header) if header is not None and len(header) else {}
    namespace, _, name = rpc.tag.rpartition("}")
    namespace = namespace[1:]
    name = name.rpartition(":")[2]
    try:
        if name == "Fault":
            return Message(name=name, body=FAULT.read(rpc), namespace=_namespace_of_fault(rpc), **headers)
        entry = MESSAGES.get(name)
        if namespace not in NAMESPACES and not is_cwmp(namespace) and (namespace or entry is None):
            raise CodecError("unknown-protocol", f"the namespace {namespace[:100]!r} of {name[:100]} is not CWMP")
        namespace = namespace or _namespace_in(root.nsmap)
        arguments = entry.read(rpc) if entry is not None else UnknownRpc()
    except CodecError as error:
        error.name, error.id, error.namespace = name, headers.get("id"), namespace
        raise
    return Message(name=name, body=arguments, namespace=namespace, **headers)


def _parts(root: Any) -> tuple[Any, Any]:
    """The Header (or None) and the one RPC in the Body."""
    if root.tag != _ENVELOPE and (local(root.tag) != "Envelope" or root.tag.startswith("{")):
        raise CodecError("not-soap", f"the root element is {root.tag[:100]}, not a SOAP 1.1 Envelope")
    header = body = None
    for part in root:
        name = local(part.tag)
        if name == "Body" and body is None:
            body = part
        elif name == "Header" and header is None:
            header = part
    if body is None or not len(body):
        raise CodecError("not-soap", "the envelope has no RPC in its Body")
    rpc = body[0]
    if len(body) > 1 and any(local(other.tag) in MESSAGES for other in body[1:]):
        raise CodecError("not-soap", f"{len(body)} RPCs in one Body")
    return header, rpc


def _read_header(header: Any) -> dict[str, Any]:
    """Known headers as arguments of Message; others are ignored, mustUnderstand or not."""
    found: dict[str, Any] = {}
    for child in header:
        name = local(child.tag)
        text = (child.text or "").strip()
        if name == "ID":
            if len(text) > _MAX_ID:
                raise CodecError("too-large", f"an ID of {len(text)} characters")
            found["id"] = text
        elif name == "HoldRequests":
            found["hold_requests"] = to_bool(text)
        elif name == "SessionTimeout":
            found["session_timeout"] = max(0, to_int(text)) if text else None
        elif name == "SupportedCWMPVersions":
            found["supported_versions"] = tuple(v.strip() for v in text[:1000].split(",") if v.strip())
        elif name == "UseCWMPVersion":
            found["use_version"] = text
    return found


def _namespace_in(nsmap: dict[str | None, str]) -> str:
    return next((uri for uri in nsmap.values() if is_cwmp(uri)), NAMESPACES[0])


def _namespace_of_fault(rpc: Any) -> str:
    """A SOAP Fault is in SOAP's namespace; CWMP's is that of its detail, if it has one."""
    for child in rpc.iterdescendants():
        uri = child.tag[1:].rpartition("}")[0]
        if is_cwmp(uri):
            return str(uri)
    return next((uri for uri in rpc.nsmap.values() if is_cwmp(uri)), "")
