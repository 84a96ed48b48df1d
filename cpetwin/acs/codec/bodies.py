"""The four messages that are more than a row: Inform, the two long answers, and Fault."""

from __future__ import annotations

from typing import Any

from ...twin.identity import DeviceId
from ...twin.report import DeviceEvent, Observations
from . import messages as m
from .columns import read_infos, read_values
from .errors import CodecError
from .kinds import KEY, TIME, items, open_array, read_name, read_text, to_int, write_values
from .text import escape, local

_MAX_IDENTITY = 256
"""Characters accepted in each part of a DeviceId; the schema allows 64. It becomes keys, ids and audit entries."""
_MAX_EVENTS = 256
"""Events accepted in one Inform; the schema allows 64."""


# ------------------------------------------------------------------ Inform


def _read_device(element: Any) -> tuple[str, str, str, str]:
    found = {local(child.tag): child.text or "" for child in element}
    return (
        found.get("Manufacturer", ""),
        found.get("OUI", ""),
        found.get("ProductClass", ""),
        found.get("SerialNumber", ""),
    )


def _read_events(element: Any) -> tuple[DeviceEvent, ...]:
    """Events with a code; EventStructs without one and an empty list occur (cwmp.md section 5)."""
    if len(element) > _MAX_EVENTS:
        raise CodecError("too-large", f"an Inform with {len(element)} events")
    events = []
    for item in element:
        code = key = ""
        for child in item:
            tag = local(child.tag)
            if tag == "EventCode":
                code = " ".join((child.text or "").split())
            elif tag == "CommandKey":
                key = child.text or ""
        if code:
            events.append(DeviceEvent(code, key))
    return tuple(events)


def read_inform(element: Any) -> m.Inform:
    """TR-069 A.3.3.1. Raises CodecError ``invalid-arguments`` when nobody can tell which device it is."""
    device: tuple[str, str, str, str] | None = None
    events: tuple[DeviceEvent, ...] = ()
    current_time = ""
    envelopes, retries, structs = 1, 0, 0
    parameters = Observations((), (), ())
    for child in element:
        name = local(child.tag)
        if name == "ParameterList":
            parameters, structs = read_values(child)
        elif name == "DeviceId":
            device = _read_device(child)
        elif name == "Event":
            events = _read_events(child)
        elif name == "CurrentTime":
            current_time = read_name(child)
        elif name == "RetryCount":
            retries = max(0, to_int(read_text(child)))
        elif name == "MaxEnvelopes":
            envelopes = to_int(read_text(child), 1)
    if device is None or not device[3].strip():
        raise CodecError("invalid-arguments", "an Inform without " + ("SerialNumber" if device else "DeviceId"))
    if max(map(len, device[1:])) > _MAX_IDENTITY:
        raise CodecError("invalid-arguments", f"a DeviceId with a part of more than {_MAX_IDENTITY} characters")
    return m.Inform(
        device=DeviceId(device[1], device[2], device[3]), manufacturer=device[0], events=events,
        max_envelopes=envelopes, current_time=current_time, retry_count=retries,
        parameters=parameters, structs=structs,
    )  # fmt: skip


def write_inform(args: m.Inform) -> str:
    events = "".join(
        f"<EventStruct><EventCode>{escape(code)}</EventCode>{KEY.write('CommandKey', key)}</EventStruct>"
        for code, key in args.events
    )
    return (
        f"<DeviceId><Manufacturer>{escape(args.manufacturer)}</Manufacturer><OUI>{escape(args.device.oui)}</OUI>"
        f"<ProductClass>{escape(args.device.product_class)}</ProductClass>"
        f"<SerialNumber>{escape(args.device.serial)}</SerialNumber></DeviceId>"
        f"{open_array('Event', 'cwmp:EventStruct', len(args.events))}{events}</Event>"
        f"<MaxEnvelopes>{args.max_envelopes:d}</MaxEnvelopes>{TIME.write('CurrentTime', args.current_time)}"
        f"<RetryCount>{args.retry_count:d}</RetryCount>"
        f"{write_values('ParameterList', zip(*args.parameters, strict=True))}"
    )


# ------------------------------------------------------------------ the long answers


def _list_of(element: Any) -> Any:
    for child in element:
        if local(child.tag) == "ParameterList":
            return child
    return ()


def read_values_response(element: Any) -> m.GetParameterValuesResponse:
    found = _list_of(element)
    return m.GetParameterValuesResponse(*read_values(found)) if len(found) else m.GetParameterValuesResponse()


def write_values_response(args: m.GetParameterValuesResponse) -> str:
    return write_values("ParameterList", zip(*args.parameters, strict=True))


def read_names_response(element: Any) -> m.GetParameterNamesResponse:
    found = _list_of(element)
    return m.GetParameterNamesResponse(*read_infos(found)) if len(found) else m.GetParameterNamesResponse()


def write_names_response(args: m.GetParameterNamesResponse) -> str:
    rows = [
        f"<ParameterInfoStruct><Name>{escape(path)}</Name><Writable>{1 if writable else 0}</Writable>"
        f"</ParameterInfoStruct>"
        for path, writable in zip(args.paths, args.writable, strict=True)
    ]
    opening = open_array("ParameterList", "cwmp:ParameterInfoStruct", len(rows))
    return f"{opening}{''.join(rows)}</ParameterList>"


# ------------------------------------------------------------------ faults


def _read_set_fault(element: Any) -> m.SetFault:
    found = {local(child.tag): child.text or "" for child in element}
    return m.SetFault(
        found.get("ParameterName", "").strip(), to_int(found.get("FaultCode", ""), 9002), found.get("FaultString", "")
    )


def read_fault(element: Any) -> m.Fault:
    """TR-069 A.5, wherever its parts are: ``detail`` inside ``faultstring``, qualified children and
    SetParameterValuesFaults in odd places have been seen. Without a cwmp:Fault the code is 0."""
    code, text = 0, ""
    faultcode = faultstring = ""
    per_parameter: list[m.SetFault] = []
    for child in items(element).iterdescendants():
        name = local(child.tag)
        if name == "faultcode":
            faultcode = read_name(child).rpartition(":")[2]
        elif name == "faultstring":
            faultstring = read_name(child)
        elif name == "SetParameterValuesFault":
            per_parameter.append(_read_set_fault(child))
        elif local(child.getparent().tag) != "SetParameterValuesFault":
            if name == "FaultCode":
                code = to_int(read_text(child), 9002)
            elif name == "FaultString":
                text = child.text or ""
    return m.Fault(code, text, faultcode, faultstring, tuple(per_parameter))


def write_fault(args: m.Fault) -> str:
    per_parameter = "".join(
        f"<SetParameterValuesFault><ParameterName>{escape(fault.parameter_name)}</ParameterName>"
        f"<FaultCode>{fault.fault_code:d}</FaultCode><FaultString>{escape(fault.fault_string)}</FaultString>"
        "</SetParameterValuesFault>"
        for fault in args.set_faults
    )
    return (
        f"<faultcode>{escape(args.faultcode)}</faultcode><faultstring>{escape(args.faultstring)}</faultstring>"
        f"<detail><cwmp:Fault><FaultCode>{args.code:d}</FaultCode><FaultString>{escape(args.text)}</FaultString>"
        f"{per_parameter}</cwmp:Fault></detail>"
    )
