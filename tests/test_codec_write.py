"""What we send: valid by the official schemas, and shaped for the pickiest clients (cwmp.md section 15)."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from codec_samples import NS, SAMPLES, sample
from lxml import etree

from cpetwin.acs.codec import ACS_METHODS, CPE_METHODS, FAULTS, MESSAGES, NAMESPACES, Unwritable, envelope, fault
from cpetwin.acs.codec import messages as m

VERSIONS = {
    "1-0": NAMESPACES[0],
    "1-1": NAMESPACES[1],
    "1-2": NAMESPACES[2],
    "1-3": NAMESPACES[2],
    "1-4": NAMESPACES[2],
}
_SINCE_1_2 = (
    "AutonomousDUStateChangeComplete", "CancelTransfer", "ChangeDUState", "DUStateChangeComplete", "ScheduleDownload",
)  # fmt: skip
_LATER = {"1-0": (*_SINCE_1_2, "AutonomousTransferComplete", "GetAllQueuedTransfers"), "1-1": _SINCE_1_2}
"""version -> methods that its schema does not know yet."""
_DRIVER = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
 <xs:import namespace="http://schemas.xmlsoap.org/soap/envelope/" schemaLocation="{base}soap-envelope.xsd"/>
 <xs:import namespace="http://schemas.xmlsoap.org/soap/encoding/" schemaLocation="{base}soap-encoding.xsd"/>
 <xs:import namespace="{namespace}" schemaLocation="{base}cwmp-{version}.xsd"/>
</xs:schema>"""
_PUBLIC = {
    "http://schemas.xmlsoap.org/soap/envelope/": "soap-envelope.xsd",
    "http://schemas.xmlsoap.org/soap/encoding/": "soap-encoding.xsd",
}


class _Local(etree.Resolver):
    """Public addresses of the schemas to files of ../shared; nothing is fetched."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def resolve(self, url: str, public_id: str | None, context: object) -> object:
        name = _PUBLIC.get(url) or (url.rpartition("/")[2] if "broadband-forum.org/cwmp/" in url else None)
        return self.resolve_filename(str(self.folder / name), context) if name else None


@pytest.fixture(scope="session")
def schema(shared: Path) -> Callable[[str], etree.XMLSchema]:
    """The schema of a protocol version, loaded once."""
    folder = shared / "spec" / "cwmp-xsd"
    loaded: dict[str, etree.XMLSchema] = {}

    def load(version: str) -> etree.XMLSchema:
        if version not in loaded:
            parser = etree.XMLParser(no_network=True)
            parser.resolvers.add(_Local(folder))
            driver = _DRIVER.format(base=folder.as_uri() + "/", namespace=VERSIONS[version], version=version)
            loaded[version] = etree.XMLSchema(etree.fromstring(driver, parser))
        return loaded[version]

    return load


def declared(folder: Path, version: str) -> set[str]:
    """Global elements of one version's schema and of those it includes."""
    wanted = {"1-3": ("1-2", "1-3"), "1-4": ("1-2", "1-3", "1-4")}.get(version, (version,))
    return {
        element.get("name")
        for one in wanted
        for element in etree.parse(str(folder / f"cwmp-{one}.xsd")).getroot().iterchildren("{*}element")
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_every_message_is_valid_by_the_schema_of_every_version(
    schema: Callable[[str], etree.XMLSchema], shared: Path, version: str
) -> None:
    """All that the version knows is checked; the schema itself says what that is."""
    known = declared(shared / "spec" / "cwmp-xsd", version)
    for name in MESSAGES:
        if name in known:
            schema(version).assertValid(etree.fromstring(sample(name, VERSIONS[version])))
    unknown = {name.removesuffix("Response") for name in MESSAGES if name not in known}
    assert unknown == set(_LATER.get(version, ()))


@pytest.mark.parametrize(
    ("version", "code"),
    [(v, code) for v in VERSIONS for code in FAULTS if code < 9000 and (v, code) != ("1-0", 8006)],
)
def test_every_fault_of_an_acs_is_valid(schema: Callable[[str], etree.XMLSchema], version: str, code: int) -> None:
    """8006 is no code of 1.0, and only a 1.4 CPE can cause it."""
    schema(version).assertValid(etree.fromstring(fault(code, "1", VERSIONS[version])))


def test_a_fault_with_parameters_is_valid(schema: Callable[[str], etree.XMLSchema]) -> None:
    text = fault(9003, "1", NS, set_faults=[m.SetFault("Device.X", 9007, "<no>")])
    schema("1-0").assertValid(etree.fromstring(text))


def test_every_header_is_valid(schema: Callable[[str], etree.XMLSchema]) -> None:
    """The schema processes headers laxly, so each is validated alone too."""
    written = envelope(
        "InformResponse", m.InformResponse(), id="1", namespace=NAMESPACES[2], hold=True, use_version="1.4",
        session_timeout=60, supported_versions=("1.0", "1.4"),
    )  # fmt: skip
    root = etree.fromstring(written)
    schema("1-4").assertValid(root)
    assert [etree.QName(header).localname for header in root[0]] == [
        "ID", "HoldRequests", "UseCWMPVersion", "SessionTimeout", "SupportedCWMPVersions",
    ]  # fmt: skip
    for header in root[0]:
        schema("1-4").assertValid(etree.ElementTree(header))


def test_empty_lists_keep_their_array_type(schema: Callable[[str], etree.XMLSchema]) -> None:
    """``[0]`` is required also on empty lists, and schema-valid where the schema allows no items."""
    for name in ("GetParameterValuesResponse", "GetParameterNamesResponse", "GetAllQueuedTransfersResponse"):
        written = envelope(name, MESSAGES[name].type(), id="1", namespace=NAMESPACES[2])
        assert b'[0]"></' in written
        schema("1-2").assertValid(etree.fromstring(written))


@pytest.mark.parametrize("name", MESSAGES)
def test_shape_that_picky_clients_need(name: str) -> None:
    """No XML declaration, the five literal prefixes, no self-closed element, the RPC right after Body."""
    text = sample(name).decode()
    assert text.startswith("<SOAP-ENV:Envelope ")
    assert set(re.findall(r"xmlns:([\w-]+)=", text)) == {"SOAP-ENV", "SOAP-ENC", "cwmp", "xsd", "xsi"}
    assert "/>" not in text and "encodingStyle" not in text
    assert f"<SOAP-ENV:Body><cwmp:{name}>" in text
    assert '<cwmp:ID SOAP-ENV:mustUnderstand="1">42</cwmp:ID>' in text


def test_no_header_without_an_id() -> None:
    """A client that sends no Header gets none."""
    assert b"Header" not in envelope("InformResponse", m.InformResponse(), id=None, namespace=NS)
    assert b"Header" not in fault(8003, None, NS)


def test_the_id_is_escaped_and_echoed() -> None:
    assert b">a&lt;b&amp;<" in envelope("RebootResponse", id="a<b&", namespace=NS)


def test_arguments_keep_the_order_of_the_schema() -> None:
    names = [child.tag for child in etree.fromstring(sample("Download"))[1][0]]
    assert names == [
        "CommandKey", "FileType", "URL", "Username", "Password", "FileSize", "TargetFileName", "DelaySeconds",
        "SuccessURL", "FailureURL",
    ]  # fmt: skip
    assert b"<Username></Username>" in sample("Download")


@pytest.mark.parametrize("text", ["a\x00b", "\x1b", "\x0b", "\ud800", "\ufffe"])
def test_characters_xml_cannot_carry_are_refused(text: str) -> None:
    args = m.SetParameterValues([("Device.X", text, "string")], "key")
    with pytest.raises(Unwritable) as refused:
        envelope("SetParameterValues", args, id="1", namespace=NS)
    assert refused.value.fault == 9007


def test_a_type_that_is_no_name_is_refused() -> None:
    args = m.SetParameterValues([("Device.X", "1", 'int" a="')], "key")
    with pytest.raises(Unwritable) as refused:
        envelope("SetParameterValues", args, id="1", namespace=NS)
    assert refused.value.fault == 9006


def test_types_get_their_prefix() -> None:
    """base64 is a type of SOAP-ENC, an unknown type is sent as string."""
    rows = [("a", "1", "base64"), ("b", "1", ""), ("c", "1", "unsignedInt")]
    text = envelope("SetParameterValues", m.SetParameterValues(rows), id="1", namespace=NS).decode()
    assert re.findall(r'xsi:type="([^"]+)"', text) == ["SOAP-ENC:base64", "xsd:string", "xsd:unsignedInt"]


@pytest.mark.parametrize("name", ["SetParameterValues", "Reboot", "AddObject"])
def test_keys_over_32_characters_are_refused(name: str) -> None:
    args = MESSAGES[name].type(**{next(f for f in MESSAGES[name].type.__struct_fields__ if "key" in f): "k" * 33})
    with pytest.raises(Unwritable, match="33 characters"):
        envelope(name, args, id="1", namespace=NS)


def test_wrong_arguments_and_namespaces_are_refused() -> None:
    """A namespace cannot smuggle markup, and arguments of another RPC are a programming error."""
    with pytest.raises(Unwritable):
        envelope("Reboot", m.CommandKeyCall(), id="1", namespace='urn:dslforum-org:cwmp-1-0"><x')
    with pytest.raises(TypeError):
        envelope("Reboot", m.ScheduleInform(), id="1", namespace=NS)
    with pytest.raises(KeyError):
        envelope("Rebooot", id="1", namespace=NS)


def test_every_method_of_both_sides_is_in_the_table() -> None:
    """Sections 6 and 7 of cwmp.md, row by row."""
    assert list(ACS_METHODS) == [
        "Inform", "GetRPCMethods", "TransferComplete", "AutonomousTransferComplete", "RequestDownload",
        "DUStateChangeComplete", "AutonomousDUStateChangeComplete", "Kicked",
    ]  # fmt: skip
    assert set(CPE_METHODS) == {
        "GetRPCMethods", "SetParameterValues", "GetParameterValues", "GetParameterNames", "SetParameterAttributes",
        "GetParameterAttributes", "AddObject", "DeleteObject", "Reboot", "Download", "ScheduleDownload", "Upload",
        "CancelTransfer", "GetAllQueuedTransfers", "GetQueuedTransfers", "ScheduleInform", "FactoryReset",
        "ChangeDUState", "SetVouchers", "GetOptions",
    }  # fmt: skip
    assert set(SAMPLES) == set(MESSAGES)
