"""``cpetwin inspect``: captured messages decoded exactly as the server would, never with a traceback.

A file is a SOAP body, raw HTTP (requests or responses with headers, one or several, chunked, gzip), or
any of these written in hexadecimal. Each message gives one row; the shape is that of surface.md.
"""

from __future__ import annotations

import re
from typing import Any

from ..twin.identity import DeviceId
from .capture import is_http, split_http
from .codec import MAX_BYTES, CodecError, Message, parse
from .codec import messages as m
from .http_body import BadCoding, TooLarge, inflate
from .http_limits import HttpLimits

Row = dict[str, Any]

_GZIP_MAGIC = b"\x1f\x8b"
_hexadecimal = re.compile(rb"[0-9A-Fa-f\s]+").fullmatch
_xml = re.compile(rb"(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[\s\0]*<").match
_LIMITS = HttpLimits()


def inspect_bytes(name: str, data: bytes) -> list[Row]:
    """One row for each message in a captured file; ``name`` is repeated as ``file`` in each."""
    data = _from_hex(data)
    if not is_http(data):
        return [_row(name, data, b"gzip" if data.startswith(_GZIP_MAGIC) else b"")]
    return [_row(name, part.body, part.coding, part.problem) for part in split_http(data)]


def _from_hex(data: bytes) -> bytes:
    """Bytes of a hexadecimal dump; anything else, and an odd number of digits, as it is."""
    if len(data) > 2 * MAX_BYTES + (MAX_BYTES >> 3) or not data.strip() or not _hexadecimal(data):
        return data
    digits = b"".join(data.split())
    return bytes.fromhex(digits.decode("ascii")) if len(digits) % 2 == 0 else data


def _row(name: str, body: bytes, coding: bytes, problem: str = "") -> Row:
    row: Row = {
        "file": name, "ok": False, "protocol": None, "message": None, "id": None, "device": None,
        "events": [], "parameters": 0, "fault": None, "error": None,
    }  # fmt: skip
    try:
        if coding not in (b"", b"identity"):
            body = inflate(body, coding, _LIMITS)
        if body.strip() and not _xml(body) and _is_binary(body):
            raise CodecError("unknown-protocol", "neither XML nor HTTP: bytes of an unknown protocol")
        _describe(row, parse(body))
        if problem:
            raise CodecError("not-well-formed", problem)
    except CodecError as error:
        _refuse(row, error.code, error.text)
        if error.name:  # understood up to there
            row["message"], row["id"] = error.name, error.id
            row["protocol"] = None if error.code == "unknown-protocol" else "cwmp"
    except BadCoding as error:
        _refuse(row, "not-well-formed", f"Content-Encoding: {error}")
    except TooLarge as error:
        _refuse(row, "too-large", str(error))
    return row


def _is_binary(body: bytes) -> bool:
    """Whether bytes are no text: a NUL or another control character among the first ones."""
    return any(byte < 0x20 and byte not in b"\t\r\n" for byte in body[:1000]) or not _decodes(body[:1000])


def _decodes(sample: bytes) -> bool:
    try:
        sample.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > len(sample) - 4 and len(sample) == 1000  # a character cut in two
    return True


def _refuse(row: Row, code: str, text: str) -> None:
    row["ok"] = False
    row["error"] = {"code": code, "text": text}


def _describe(row: Row, message: Message) -> None:
    body = message.body
    row.update(ok=True, protocol="cwmp", message=message.name, id=message.id)
    if isinstance(body, m.Inform):
        row["device"] = _device(body.device)
        row["events"] = [{"code": event.code, "command_key": event.command_key} for event in body.events]
    elif isinstance(body, m.Fault):
        row["fault"] = _fault(body)
    row["parameters"] = _count(body)


def _device(device: DeviceId) -> Row:
    return {"oui": device.oui, "product_class": device.product_class, "serial": device.serial}


def _fault(fault: m.Fault) -> Row:
    return {
        "code": fault.code,
        "text": fault.text or fault.faultstring,
        "faultcode": fault.faultcode,
        "parameters": [
            {"path": one.parameter_name, "code": one.fault_code, "text": one.fault_string} for one in fault.set_faults
        ],
    }


def _count(body: object) -> int:
    """Parameter structs really present, whatever the arrayType says and whether they have a name."""
    if isinstance(body, m.Inform | m.GetParameterValuesResponse | m.GetParameterNamesResponse):
        return body.structs
    if isinstance(body, m.GetParameterAttributesResponse | m.SetParameterAttributes):
        return len(body.parameter_list)
    if isinstance(body, m.SetParameterValues):
        return len(body.values)
    if isinstance(body, m.GetParameterValues | m.GetParameterAttributes):
        return len(body.parameter_names)
    return 0
