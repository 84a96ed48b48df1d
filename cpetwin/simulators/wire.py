"""The CPE's side of the SOAP wire, written apart from the server's codec: a strict reader and a writer.

The reader understands what an ACS may send and reports every deviation from the interoperable form (TR-069 A.2,
A.3; facts in the protocol notes: no XML declaration, literal prefixes, arrayType with the right count, an ID on
every request) as a *violation*. A violation is counted, not fatal, unless the message cannot be understood.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from xml.sax.saxutils import escape as _escape

from lxml import etree

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP_ENC = "http://schemas.xmlsoap.org/soap/encoding/"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
CWMP = "urn:dslforum-org:cwmp-1-{}"
MAX_ACS_BODY = 32 * 1024 * 1024

ARGUMENTS: dict[str, tuple[str, ...]] = {
    "GetRPCMethods": (),
    "SetParameterValues": ("ParameterList", "ParameterKey"),
    "GetParameterValues": ("ParameterNames",),
    "GetParameterNames": ("ParameterPath", "NextLevel"),
    "SetParameterAttributes": ("ParameterList",),
    "GetParameterAttributes": ("ParameterNames",),
    "AddObject": ("ObjectName", "ParameterKey"),
    "DeleteObject": ("ObjectName", "ParameterKey"),
    "Reboot": ("CommandKey",),
    "FactoryReset": (),
    "ScheduleInform": ("DelaySeconds", "CommandKey"),
    "InformResponse": ("MaxEnvelopes",),
    "GetRPCMethodsResponse": ("MethodList",),
    "TransferCompleteResponse": (),
}
"""Arguments in schema order (cwmp XSD); a method that is not here is not checked."""

LISTS: dict[str, tuple[str, str]] = {
    "SetParameterValues": ("ParameterValueStruct", "cwmp:ParameterValueStruct"),
    "GetParameterValues": ("string", "xsd:string"),
    "GetParameterAttributes": ("string", "xsd:string"),
    "SetParameterAttributes": ("SetParameterAttributesStruct", "cwmp:SetParameterAttributesStruct"),
    "GetRPCMethodsResponse": ("string", "xsd:string"),
}
"""Methods whose first argument is an array: item element and item type."""

_ARRAY = re.compile(r"(?P<type>[\w\-]+:\w+)\[(?P<count>[0-9]+)\]\Z")
_PARSER = etree.XMLParser(
    resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False, remove_comments=True
)


class Unreadable(Exception):
    """The ACS sent something that is no CWMP message; the session cannot go on."""


@dataclass
class AcsMessage:
    """One message of the ACS. ``body`` is the RPC element; ``fault`` the FaultCode if it is a SOAP fault."""

    name: str
    id: str | None
    hold: bool
    body: etree._Element
    fault: int | None = None
    violations: list[str] = field(default_factory=list)

    def text(self, argument: str) -> str:
        """The text of an unqualified argument, empty when absent."""
        return self.body.findtext(argument) or ""

    def strings(self) -> list[str]:
        """The items of the first argument when it is a list of strings."""
        return [item.text or "" for item in self.body[0]] if len(self.body) else []


def escape(text: str) -> str:
    """Escape for element content."""
    return _escape(text, {"\r": "&#13;"}) if "&" in text or "<" in text or ">" in text or "\r" in text else text


def value_struct(path: str, text: str, type_: str) -> str:
    return (
        f'<ParameterValueStruct><Name>{path}</Name><Value xsi:type="xsd:{type_}">{escape(text)}</Value>'
        "</ParameterValueStruct>"
    )


def name_struct(path: str, writable: bool) -> str:
    return f"<ParameterInfoStruct><Name>{path}</Name><Writable>{int(writable)}</Writable></ParameterInfoStruct>"


def array(element: str, item_type: str, items: list[str]) -> str:
    """A SOAP-encoded array element with its count."""
    return f'<{element} soapenc:arrayType="{item_type}[{len(items)}]">{"".join(items)}</{element}>'


def envelope(namespace: str, body: str, id_: str | None) -> bytes:
    """A whole message of the CPE. The prefixes differ from the server's on purpose."""
    header = (
        "" if id_ is None else f'<soap:Header><cwmp:ID soap:mustUnderstand="1">{escape(id_)}</cwmp:ID></soap:Header>'
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<soap:Envelope xmlns:soap="{SOAP}" xmlns:soapenc="{SOAP_ENC}" '
        'xmlns:xsd="http://www.w3.org/2001/XMLSchema" '
        f'xmlns:xsi="{XSI}" xmlns:cwmp="{namespace}">{header}<soap:Body>{body}</soap:Body></soap:Envelope>'
    ).encode()


def fault_body(code: int, text: str, parameters: list[tuple[str, int, str]] | None = None) -> str:
    """A SOAP fault (TR-069 A.3.2.1 for the parameters of SetParameterValues)."""
    side = "Client" if code in (9003, 9005, 9006, 9007, 9008) else "Server"
    details = "".join(
        f"<SetParameterValuesFault><ParameterName>{escape(name)}</ParameterName><FaultCode>{number}</FaultCode>"
        f"<FaultString>{escape(why)}</FaultString></SetParameterValuesFault>"
        for name, number, why in parameters or ()
    )
    return (
        f"<soap:Fault><faultcode>{side}</faultcode><faultstring>CWMP fault</faultstring><detail><cwmp:Fault>"
        f"<FaultCode>{code}</FaultCode><FaultString>{escape(text)}</FaultString>{details}</cwmp:Fault></detail></soap:Fault>"
    )


def parse(data: bytes, namespace: str) -> AcsMessage:
    """Read a message of the ACS; ``namespace`` is the one this CPE's Inform used.

    Raises Unreadable when it is not well-formed, has a DOCTYPE or is no SOAP message with one RPC.
    """
    if len(data) > MAX_ACS_BODY:
        raise Unreadable(f"body of {len(data)} bytes")
    try:
        root = etree.fromstring(data, _PARSER)
    except etree.XMLSyntaxError as error:
        raise Unreadable(f"not well-formed: {error}") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise Unreadable("DOCTYPE")
    if root.tag != f"{{{SOAP}}}Envelope":
        raise Unreadable(f"root element {root.tag!r}")
    violations: list[str] = []
    if not data.startswith(b"<SOAP-ENV:Envelope"):
        violations.append("xml-declaration" if data.lstrip().startswith(b"<?xml") else "envelope-prefix")
    if b"/>" in data:
        violations.append("self-closed-element")
    body = root.find(f"{{{SOAP}}}Body")
    if body is None or len(body) != 1:
        raise Unreadable("a Body with exactly one element is needed")
    id_, hold = _header(root, violations)
    rpc = body[0]
    if rpc.tag == f"{{{SOAP}}}Fault":
        code = rpc.findtext(f"detail/{{{namespace}}}Fault/FaultCode") or rpc.findtext("detail/{*}Fault/{*}FaultCode")
        if code is None or not code.strip().isdigit():
            raise Unreadable("a SOAP fault without a CWMP FaultCode")
        return AcsMessage("Fault", id_, hold, rpc, int(code), violations)
    qualified = etree.QName(rpc)
    if qualified.namespace != namespace:
        violations.append("namespace")
    if rpc.prefix != "cwmp":
        violations.append("rpc-prefix")
    _check_arguments(rpc, qualified.localname, violations)
    return AcsMessage(qualified.localname, id_, hold, rpc, None, violations)


def _header(root: etree._Element, violations: list[str]) -> tuple[str | None, bool]:
    header = root.find(f"{{{SOAP}}}Header")
    if header is None:
        return None, False
    id_: str | None = None
    hold = False
    for element in header:
        if not isinstance(element.tag, str):
            continue
        local = etree.QName(element).localname
        if element.get(f"{{{SOAP}}}mustUnderstand") != "1":
            violations.append("must-understand")
        if local == "ID":
            id_ = element.text or ""
        elif local == "HoldRequests":
            hold = (element.text or "").strip() in ("1", "true")
        elif local != "UseCWMPVersion":
            violations.append("unknown-header")
    return id_, hold


def _check_arguments(rpc: etree._Element, name: str, violations: list[str]) -> None:
    expected = ARGUMENTS.get(name)
    if expected is not None and tuple(child.tag for child in rpc) != expected:
        violations.append("arguments")
    if name in LISTS and len(rpc):
        item, item_type = LISTS[name]
        declared = _ARRAY.match(rpc[0].get(f"{{{SOAP_ENC}}}arrayType") or "")
        if declared is None or declared["type"] != item_type:
            violations.append("array-type")
        elif int(declared["count"]) != len(rpc[0]):
            violations.append("array-count")
        if any(child.tag != item for child in rpc[0]):
            violations.append("array-item")
        if name == "SetParameterValues" and any(not _typed(child) for child in rpc[0]):
            violations.append("value-type")
    for key in ("ParameterKey", "CommandKey"):
        if len(rpc.findtext(key) or "") > 32:
            violations.append("key-length")


def _typed(struct: etree._Element) -> bool:
    value = struct.find("Value")
    return value is not None and (value.get(f"{{{XSI}}}type") or "").startswith("xsd:")
