"""What we read: whatever devices send (cwmp.md section 15), and nothing hostile."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from codec_samples import INFORM, INFORM_BYTES, NS, SAMPLES, VALUES, sample

from cpetwin.acs.codec import MAX_BYTES, MESSAGES, NAMESPACES, CodecError, envelope, fault, parse
from cpetwin.acs.codec import messages as m
from cpetwin.twin.identity import DeviceId
from cpetwin.twin.report import DeviceEvent, Observations

SOAP = b"http://schemas.xmlsoap.org/soap/envelope/"
LONG = Observations(
    [f"Device.WiFi.SSID.{i}.SSID" for i in range(60)],
    ["" if i % 7 == 0 else f" value {i} " for i in range(60)],
    ["unsignedInt" if i % 2 else "string" for i in range(60)],
)
LONG_BYTES = envelope("GetParameterValuesResponse", m.GetParameterValuesResponse(LONG), id="1", namespace=NS)


def refusal(body: bytes, **limits: int) -> CodecError:
    with pytest.raises(CodecError) as raised:
        parse(body, **limits)
    return raised.value


def inform(body: bytes) -> m.Inform:
    found = parse(body).body
    assert isinstance(found, m.Inform)
    return found


def soap(inner: str, header: str = "") -> bytes:
    return (
        f'<s:Envelope xmlns:s="{SOAP.decode()}" xmlns:c="{NS}" xmlns:e="http://schemas.xmlsoap.org/soap/encoding/" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema">'
        f"{header}<s:Body>{inner}</s:Body></s:Envelope>"
    ).encode()


# ------------------------------------------------------------------ what is read


@pytest.mark.parametrize("name", MESSAGES)
@pytest.mark.parametrize("namespace", [NAMESPACES[0], NAMESPACES[2], "urn:dslforum-org:cwmp-1-17"])
def test_every_message_comes_back_as_it_was_written(name: str, namespace: str) -> None:
    message = parse(sample(name, namespace))
    assert (message.name, message.id, message.namespace, message.body) == (name, "42", namespace, SAMPLES[name])


def test_an_empty_post_is_a_message() -> None:
    """No body and blanks only mean the same (cwmp.md section 3)."""
    for body in (b"", b" ", b"\r\n\t"):
        assert parse(body).name == "empty"


def test_an_rpc_outside_the_table_is_no_error() -> None:
    """It is for the session to answer 8000, with the ID of the request."""
    message = parse(soap("<c:X_00AABB_Dance><Step>1</Step></c:X_00AABB_Dance>"))
    assert (message.name, message.body) == ("X_00AABB_Dance", m.UnknownRpc())


def test_headers_of_both_directions() -> None:
    headers = {"hold": True, "use_version": "1.4", "session_timeout": 90, "supported_versions": ("1.0", "1.4")}
    message = parse(envelope("InformResponse", m.InformResponse(), id="7", namespace=NS, **headers))
    assert (message.hold_requests, message.use_version) == (True, "1.4")
    assert (message.session_timeout, message.supported_versions) == (90, ("1.0", "1.4"))


def test_unknown_headers_are_ignored_even_when_they_must_be_understood() -> None:
    header = '<s:Header><c:NoMoreRequests s:mustUnderstand="1">1</c:NoMoreRequests><x:y xmlns:x="u"/></s:Header>'
    assert parse(soap("<c:RebootResponse/>", header)).name == "RebootResponse"


def test_faults_with_parameters() -> None:
    message = parse(fault(9003, "1", NS, set_faults=[m.SetFault("Device.X", 9007, "no"), m.SetFault("Device.Y", 9008)]))
    assert isinstance(message.body, m.Fault)
    assert (message.name, message.namespace, message.body.code, message.body.faultcode) == ("Fault", NS, 9003, "Client")
    assert [f.parameter_name for f in message.body.set_faults] == ["Device.X", "Device.Y"]


@pytest.mark.parametrize(
    "inner",
    [
        "<faultcode>s:Client</faultcode><faultstring>CWMP fault<detail><c:Fault><FaultCode>9005</FaultCode>"
        "<FaultString>x</FaultString></c:Fault></detail></faultstring>",
        "<faultcode>Client</faultcode><detail><c:Fault><c:FaultCode> 9005 </c:FaultCode><c:FaultString>x"
        "</c:FaultString></c:Fault></detail>",
        "<s:faultcode>soap:Client</s:faultcode><SetParameterValuesFault><ParameterName>Device.A</ParameterName>"
        "<FaultCode>9007</FaultCode></SetParameterValuesFault><detail><c:Fault><FaultCode>9005</FaultCode>"
        "<FaultString>x</FaultString></c:Fault></detail>",
    ],
    ids=["detail-in-faultstring", "qualified", "odd-place"],
)
def test_faults_wherever_their_parts_are(inner: str) -> None:
    body = parse(soap(f"<s:Fault>{inner}</s:Fault>")).body
    assert isinstance(body, m.Fault)
    assert (body.code, body.text, body.faultcode) == (9005, "x", "Client")


def test_a_plain_soap_fault_has_no_cwmp_code() -> None:
    body = parse(soap("<s:Fault><faultcode>s:Server</faultcode><faultstring>down</faultstring></s:Fault>")).body
    assert body == m.Fault(0, "", "Server", "down")


# ------------------------------------------------------------------ the interoperability list


def test_prefixes_are_free() -> None:
    body = INFORM_BYTES.replace(b"SOAP-ENV", b"a").replace(b"SOAP-ENC", b"b").replace(b"cwmp:", b"z:")
    body = body.replace(b"xmlns:cwmp=", b"xmlns:z=").replace(b"xsi:", b"i:").replace(b"xmlns:xsi", b"xmlns:i")
    assert inform(body) == INFORM


def test_arguments_may_be_qualified() -> None:
    """The RPC's namespace as default namespace puts the arguments into it."""
    body = re.sub(rb"<(/?)cwmp:Inform>", rb"<\1Inform>", INFORM_BYTES).replace(
        b"<Inform>", b'<Inform xmlns="%s">' % NS.encode()
    )
    assert inform(body) == INFORM
    qualified = LONG_BYTES.replace(b"<ParameterList ", b'<ParameterList xmlns="%s" ' % NS.encode())
    assert parse(qualified).body == parse(LONG_BYTES).body


def test_undeclared_prefixes_are_read_by_local_name() -> None:
    for declaration in (
        b' xmlns:SOAP-ENV="%s"' % SOAP,
        b' xmlns:cwmp="%s"' % NS.encode(),
        b' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"',
    ):
        assert declaration in INFORM_BYTES
        assert inform(INFORM_BYTES.replace(declaration, b"")) == INFORM


def test_schema_namespaces_of_1999() -> None:
    assert inform(INFORM_BYTES.replace(b"/2001/XMLSchema", b"/1999/XMLSchema")) == INFORM
    assert parse(LONG_BYTES.replace(b"/2001/XMLSchema", b"/1999/XMLSchema")).body == parse(LONG_BYTES).body


def test_types_on_structs_and_single_quotes() -> None:
    body = INFORM_BYTES.replace(b"<DeviceId>", b"<DeviceId xsi:type='cwmp:DeviceIdStruct'>")
    body = body.replace(b"<ParameterList ", b"<ParameterList xsi:type='SOAP-ENC:Array' ").replace(b'"', b"'")
    assert inform(body) == INFORM


@pytest.mark.parametrize("count", [b"[0003]", b"[99]", b"[0]", b"[]", b"", b"[-1]"])
def test_counts_of_lists_are_ignored(count: bytes) -> None:
    assert inform(re.sub(rb"\[\d+\]", count, INFORM_BYTES)) == INFORM


def test_missing_array_type() -> None:
    assert inform(re.sub(rb' SOAP-ENC:arrayType="[^"]*"', b"", INFORM_BYTES)) == INFORM
    attributes = sample("GetParameterAttributesResponse")
    assert parse(re.sub(rb' SOAP-ENC:arrayType="[^"]*"', b"", attributes)).body == parse(attributes).body


def test_names_are_trimmed_and_values_are_not() -> None:
    for body, values in ((INFORM_BYTES, VALUES), (LONG_BYTES, LONG)):
        padded = body.replace(b"<Name>", b"<Name>\r\n\t ").replace(b"</Name>", b" \n</Name>")
        found = parse(padded).body
        assert isinstance(found, m.Inform | m.GetParameterValuesResponse)
        assert found.parameters == values


def test_blanks_and_comments_between_elements() -> None:
    assert inform(INFORM_BYTES.replace(b"><", b">\r\n\t<!-- note --><")).device == INFORM.device
    indented = LONG_BYTES.replace(b"<ParameterValueStruct>", b"\r\n\t <ParameterValueStruct>\r\n\t\t")
    assert parse(indented).body == parse(LONG_BYTES).body


def test_no_header_at_all() -> None:
    """MikroTik: no Header, so no ID; the answer has none either."""
    message = parse(sample("Inform", id=None))
    assert (message.name, message.id) == ("Inform", None)


def test_an_empty_id_is_kept() -> None:
    assert parse(sample("RebootResponse", id="")).id == ""


def test_members_in_any_order() -> None:
    device = re.search(rb"<DeviceId>.*</DeviceId>", INFORM_BYTES)
    assert device
    moved = INFORM_BYTES.replace(device.group(), b"").replace(b"</cwmp:Inform>", device.group() + b"</cwmp:Inform>")
    assert inform(moved) == INFORM


def test_events_that_are_odd() -> None:
    """Without code, padded, an empty list, no list."""
    odd = b"<EventStruct><CommandKey>k</CommandKey></EventStruct><EventStruct><EventCode>\n 2  PERIODIC </EventCode>"
    body = INFORM_BYTES.replace(b"<EventStruct>", odd + b"</EventStruct><EventStruct>", 1)
    assert inform(body).events == (DeviceEvent("2 PERIODIC"), *INFORM.events)
    assert inform(re.sub(rb"<EventStruct>.*</EventStruct>", b"", INFORM_BYTES)).events == ()
    assert inform(re.sub(rb"<Event .*</Event>", b"", INFORM_BYTES)).events == ()


@pytest.mark.parametrize(("sent", "meant"), [("0", 0), ("1", 1), ("2", 1), ("17", 1), ("", 0), ("x", 0)])
def test_status_other_than_0_and_1(sent: str, meant: int) -> None:
    body = parse(soap(f"<c:SetParameterValuesResponse><Status>{sent}</Status></c:SetParameterValuesResponse>")).body
    assert body == m.StatusResponse(meant)


def test_a_transfer_without_readable_code_is_no_success() -> None:
    answer = "<c:TransferComplete><FaultStruct><FaultCode>{}</FaultCode></FaultStruct></c:TransferComplete>"
    found = [parse(soap(answer.format(code))).body for code in ("0", "9010", "what")]
    assert [body.fault_struct.fault_code for body in found if isinstance(body, m.TransferComplete)] == [0, 9010, 9002]


def test_values_in_cdata_and_escaped_twice_are_not_touched() -> None:
    body = INFORM_BYTES.replace(b"1.0 &lt;beta&gt; &amp; co", b"<![CDATA[a & <b>]]>&amp;lt;")
    assert inform(body).parameters.texts[0] == "a & <b>&lt;"


def test_latin_1_without_declaration_is_repaired() -> None:
    body = INFORM_BYTES.replace(b"Gateway", b"Stra\xdfe")
    assert inform(body).device.product_class == "Straße"
    assert inform(b'<?xml version="1.0" encoding="UTF-8"?>' + body).device.product_class == "Straße"


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1", "windows-1252", "utf-16"])
def test_declared_encodings_are_obeyed(encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?>' + INFORM_BYTES.decode().replace("Gateway", "Straße")
    assert inform(text.encode(encoding)).device.product_class == "Straße"


def test_a_byte_order_mark_is_obeyed() -> None:
    assert inform(b"\xef\xbb\xbf" + INFORM_BYTES) == INFORM
    assert inform(INFORM_BYTES.decode().encode("utf-16")) == INFORM


@pytest.mark.parametrize(
    "damage",
    [
        lambda b: b + b"\x00",
        lambda b: b + b"\x00\x00\n",
        lambda b: b"\r\n <?xml version='1.0'?>" + b,
        lambda b: b.replace(b"Gateway", b"Gate\x01\x1bway"),
        lambda b: b.replace(b"Gateway", b"Gate&#0;&#x1F;&#xD800;way"),
    ],
    ids=["nul", "nuls", "blank-before-declaration", "control", "reference-to-control"],
)
def test_known_defects_are_repaired(damage: Callable[[bytes], bytes]) -> None:
    assert inform(damage(INFORM_BYTES)) == INFORM


def test_structs_without_name_or_value_or_with_two_never_shift_the_columns() -> None:
    """Also in a long list, whose columns are read one after another."""
    for index, (old, new) in enumerate(
        (
            (b"<Name>Device.WiFi.SSID.3.SSID</Name>", b""),
            (b"<Name>Device.WiFi.SSID.3.SSID</Name>", b"<Name>x</Name><Name>Device.WiFi.SSID.3.SSID</Name>"),
            (b"<Name>Device.WiFi.SSID.3.SSID</Name>", b"<Name> </Name>"),
            (b'<Value xsi:type="xsd:unsignedInt"> value 3 </Value>', b""),
            (b'<Value xsi:type="xsd:unsignedInt"> value 3 </Value>', b"<Value> value 3 </Value>"),
            (b" value 3 ", b"<Name>x</Name><Value>y</Value>"),
            (b'"xsd:unsignedInt"> value 3 ', b'"xsd:unsignedInt" z="int"> value 3 '),
            (b'"xsd:unsignedInt"> value 3 ', b'"vendor:Thing"> value 3 '),
        )
    ):
        body = parse(LONG_BYTES.replace(old, new, 1)).body
        assert isinstance(body, m.GetParameterValuesResponse)
        assert body.structs == 60
        found = dict(
            zip(body.parameters.names, zip(body.parameters.texts, body.parameters.types, strict=True), strict=True)
        )
        for name, text, type_ in zip(*LONG, strict=True):
            if name != "Device.WiFi.SSID.3.SSID":
                assert found[name] == (text, type_), index
        assert len(found) == (59 if index in (0, 2) else 60)


def test_a_moved_name_is_noticed() -> None:
    """One struct with two names and one with none have as many names as structs: still no shift."""
    name = b"<Name>Device.WiFi.SSID.3.SSID</Name>"
    moved = LONG_BYTES.replace(name, b"", 1).replace(
        b"<Name>Device.WiFi.SSID.20.", name + b"<Name>Device.WiFi.SSID.20."
    )
    body = parse(moved).body
    assert isinstance(body, m.GetParameterValuesResponse)
    assert (
        dict(zip(body.parameters.names, body.parameters.texts, strict=True))["Device.WiFi.SSID.40.SSID"] == " value 40 "
    )
    assert "Device.WiFi.SSID.3.SSID" not in body.parameters.names


@pytest.mark.parametrize("count", [3, 200])
def test_names_and_writability(count: int) -> None:
    """Short and long lists, with every spelling of a boolean."""
    spelling = ["1", "0", "true", "FALSE", " 1 ", ""]
    rows = "".join(
        f"<ParameterInfoStruct><Name> Device.A.{i}. </Name><Writable>{spelling[i % 6]}</Writable></ParameterInfoStruct>"
        for i in range(count)
    )
    body = parse(
        soap(f"<c:GetParameterNamesResponse><ParameterList>{rows}</ParameterList></c:GetParameterNamesResponse>")
    ).body
    assert isinstance(body, m.GetParameterNamesResponse)
    assert list(body.paths) == [f"Device.A.{i}." for i in range(count)]
    assert list(body.writable) == [(True, False, True, False, True, False)[i % 6] for i in range(count)]
    assert body.structs == count


def test_a_struct_in_place_of_leaves() -> None:
    """Some clients answer a partial path with one object; it is kept as it is, with its type."""
    row = '<ParameterValueStruct><Name>Device.A.</Name><Value xsi:type="object"/></ParameterValueStruct>'
    body = parse(
        soap(f"<c:GetParameterValuesResponse><ParameterList>{row}</ParameterList></c:GetParameterValuesResponse>")
    ).body
    assert body == m.GetParameterValuesResponse(Observations(["Device.A."], [""], ["object"]), 1)


# ------------------------------------------------------------------ bad input

LAUGHS = b"<!DOCTYPE a [<!ENTITY a0 'lol'>" + b"".join(
    b"<!ENTITY a%d '%s'>" % (i, b"&a%d;" % (i - 1) * 10) for i in range(1, 10)
)  # fmt: skip


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"hello", "not-well-formed"),
        (b"\x00\x01\x02\xff", "not-well-formed"),
        (INFORM_BYTES[:-30], "not-well-formed"),
        (INFORM_BYTES[: len(INFORM_BYTES) // 2], "not-well-formed"),
        (INFORM_BYTES + INFORM_BYTES, "not-well-formed"),
        (b"<a>&nope;</a>", "not-well-formed"),
        (b"<!DOCTYPE a><a/>", "doctype"),
        (b"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/hostname'>]><a>&x;</a>", "doctype"),
        (b"<!DOCTYPE a SYSTEM 'http://127.0.0.1:1/x.dtd'><a/>", "doctype"),
        (LAUGHS + b"]><a>&a9;</a>", "doctype"),
        (LAUGHS + b"]><a b='&a9;'/>", "doctype"),
        ("<!DOCTYPE a><a/>".encode("utf-16"), "doctype"),
        (b"<a>" * 65 + b"</a>" * 65, "too-deep"),
        (b"<a>" * 300 + b"</a>" * 300, "too-deep"),
        (b"<a>" * 100_000, "too-deep"),
        (b"<a>" + b"x" * 11_000_000 + b"</a>", "too-large"),
        (b"<a b='" + b"x" * 11_000_000 + b"'/>", "too-large"),
        (b"<a>" + b"<b/>" * 1_600_000 + b"</a>", "too-large"),
        (b"<html><body/></html>", "not-soap"),
        (b"<Inform xmlns='%s'/>" % NS.encode(), "not-soap"),
        (INFORM_BYTES.replace(SOAP, b"http://www.w3.org/2003/05/soap-envelope"), "not-soap"),
        (soap(""), "not-soap"),
        (soap("<c:Inform/><c:Inform/>"), "not-soap"),
        (soap("<x:Inform xmlns:x='urn:example'/>"), "unknown-protocol"),
        (INFORM_BYTES.replace(NS.encode(), b"urn:dslforum-org:cwmp-2-0"), "unknown-protocol"),
        (soap("<Dance/>"), "unknown-protocol"),
        (soap("<c:Inform><RetryCount>0</RetryCount></c:Inform>"), "invalid-arguments"),
        (INFORM_BYTES.replace(b"S-1", b"  "), "invalid-arguments"),
        (soap("<c:AddObjectResponse><Status>0</Status></c:AddObjectResponse>"), "invalid-arguments"),
        (soap("<c:ChangeDUState><Operations xsi:type='c:Other'/></c:ChangeDUState>"), "invalid-arguments"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)}-bytes",
)  # fmt: skip
def test_bad_input_is_refused_by_its_code(body: bytes, code: str) -> None:
    error = refusal(body)
    assert error.code == code
    assert error.text and "\n" not in error.text and len(error.text) < 400


def test_depth_64_is_still_read() -> None:
    nested = "<v>" * 61 + "</v>" * 61
    assert parse(soap(f"<c:RebootResponse>{nested}</c:RebootResponse>")).name == "RebootResponse"
    assert (
        refusal(soap(f"<c:RebootResponse>{nested}</c:RebootResponse>".replace("<v></v>", "<v><v/></v>"))).code
        == "too-deep"
    )


def test_size_is_looked_at_before_anything_else() -> None:
    assert refusal(b"<" * (MAX_BYTES + 1)).code == "too-large"
    assert refusal(INFORM_BYTES, max_bytes=100).code == "too-large"


def test_too_many_events_and_operations_are_refused() -> None:
    events = b"<EventStruct><EventCode>X a b</EventCode></EventStruct>" * 300
    assert refusal(INFORM_BYTES.replace(b"</Event>", events + b"</Event>")).code == "too-large"
    results = "<Results/>" * 1001
    assert refusal(soap(f"<c:DUStateChangeComplete>{results}</c:DUStateChangeComplete>")).code == "too-large"


def test_large_bodies_cannot_hide_their_tags_in_an_encoding() -> None:
    body = b'<?xml version="1.0" encoding="UTF-7"?>' + b"+ADw-a/+AD4-" * 100_000
    assert refusal(body).code == "too-large"


def test_a_refused_message_says_what_to_answer() -> None:
    """Fault 8003 echoes the ID and uses the namespace of the sender."""
    error = refusal(INFORM_BYTES.replace(b"S-1", b""))
    assert (error.name, error.id, error.namespace) == ("Inform", "42", NS)


def test_an_endless_id_is_refused() -> None:
    assert refusal(sample("RebootResponse", id="x" * 2000)).code == "too-large"


@pytest.mark.parametrize("part", ["oui", "product_class", "serial"])
def test_an_identity_has_bounded_parts(part: str) -> None:
    """A DeviceId becomes keys, ids and audit entries: a megabyte of serial number is refused with 8003's code."""
    identity = {"oui": "00AA11", "product_class": "GW", "serial": "S1"}
    device = DeviceId(**{**identity, part: "A" * 257})
    with pytest.raises(CodecError) as refused:
        parse(envelope("Inform", m.Inform(device=device), id="1", namespace="urn:dslforum-org:cwmp-1-2"))
    assert refused.value.code == "invalid-arguments"
