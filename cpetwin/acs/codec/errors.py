"""What can be wrong with an envelope we read or were asked to write."""

from __future__ import annotations

from ...errors import CpetwinError

READ_CODES = {
    "not-well-formed": "no XML, or broken XML",
    "doctype": "a document type declaration, which SOAP forbids",
    "too-deep": "nested deeper than any CWMP message",
    "too-large": "more bytes, more text or more items than we accept",
    "not-soap": "XML, but no SOAP 1.1 envelope with one RPC",
    "unknown-protocol": "the RPC is in no CWMP namespace",
    "invalid-arguments": "the RPC lacks an argument we cannot do without; the answer is fault 8003",
}
"""code of a CodecError -> its meaning. All but the last are answered with HTTP 400."""


class CodecError(CpetwinError):
    """A body that cannot be decoded. ``code`` is one of READ_CODES.

    ``name``, ``id`` and ``namespace`` are what was understood before the error (empty, None, empty
    when nothing was), so that a fault can be sent in answer.
    """

    def __init__(self, code: str, text: str, *, name: str = "", id: str | None = None, namespace: str = "") -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.name = name
        self.id = id
        self.namespace = namespace


class Unwritable(CpetwinError):
    """A value that no envelope can carry: illegal in XML 1.0, too long, or of an impossible type.

    ``fault`` is the CWMP fault that a device would answer (9007 invalid value, 9006 invalid type).
    """

    code = "invalid-value"

    def __init__(self, message: str, hint: str = "", fault: int = 9007) -> None:
        super().__init__(message, hint)
        self.fault = fault
