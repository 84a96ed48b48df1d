"""The RPCs of CWMP as a table: name, argument type, arguments in schema order (cwmp-1-0 ... 1-4.xsd).

A new RPC is one type in ``messages`` and one row here; reading, writing and the schema test follow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from . import bodies
from . import messages as m
from .errors import CodecError
from .kinds import (
    BOOL,
    FAULT_CODE,
    INT,
    KEY,
    NAME,
    NAMES,
    OPTIONAL,
    OPTIONAL_TIME,
    STATUS,
    STRINGS,
    TEXT,
    TIME,
    VALUES,
    Kind,
    array,
    choice,
    fields,
    read_struct,
    repeated,
    struct,
)  # fmt: skip


class Rpc(NamedTuple):
    """How a message is read from its element, and how its arguments are written."""

    type: type
    read: Callable[[Any], Any]
    write: Callable[[Any], str]


_NOTHING = Rpc(m.NoArguments, lambda element: m.NO_ARGUMENTS, lambda args: "")


def _rpc(type_: type, *, needs: tuple[str, ...] = (), **kinds: Kind | tuple[str, Kind]) -> Rpc:
    """``needs``: attributes without which the message means nothing."""
    row = fields(kinds)
    by_name = {field.element: field for field in row}

    def build(**values: Any) -> Any:
        for attribute in needs:
            if not values.get(attribute):
                raise CodecError("invalid-arguments", f"{type_.__name__} without {attribute}")
        return type_(**values)

    def read(element: Any) -> Any:
        return read_struct(element, build, by_name)

    def write(args: Any) -> str:
        return "".join([f.kind.write(f.element, getattr(args, f.attribute)) for f in row])

    return Rpc(type_, read, write)


_FAULT = struct(m.FaultStruct, FaultCode=FAULT_CODE, FaultString=TEXT)
_FILE: dict[str, Any] = {"FileType": TEXT, "FileSize": INT, "TargetFileName": TEXT}
_LOGIN: dict[str, Any] = {"Username": TEXT, "Password": TEXT}
_TIMES: dict[str, Any] = {"StartTime": TIME, "CompleteTime": TIME}
_RESULT: dict[str, Any] = {
    "UUID": TEXT, "DeploymentUnitRef": TEXT, "Version": TEXT, "CurrentState": NAME, "Resolved": BOOL,
    "ExecutionUnitRefList": TEXT, **_TIMES, "Fault": _FAULT,
}  # fmt: skip
_TRANSFERRED = _rpc(m.TransferResponse, Status=STATUS, **_TIMES)
_STATUS = _rpc(m.StatusResponse, Status=STATUS)
_OBJECT = _rpc(m.ObjectCall, ObjectName=NAME, ParameterKey=KEY)
_COMMAND_KEY = _rpc(m.CommandKeyCall, CommandKey=KEY)


def _structs(type_: type, **kinds: Any) -> Kind:
    return array(type_.__name__, f"cwmp:{type_.__name__}", struct(type_, **kinds))


_OPERATION = choice(
    InstallOpStruct=(m.InstallOpStruct, struct(
        m.InstallOpStruct, URL=TEXT, UUID=OPTIONAL, Username=OPTIONAL, Password=OPTIONAL, ExecutionEnvRef=OPTIONAL)),
    UpdateOpStruct=(m.UpdateOpStruct, struct(
        m.UpdateOpStruct, UUID=OPTIONAL, Version=OPTIONAL, URL=OPTIONAL, Username=OPTIONAL, Password=OPTIONAL)),
    UninstallOpStruct=(m.UninstallOpStruct, struct(
        m.UninstallOpStruct, UUID=TEXT, Version=OPTIONAL, ExecutionEnvRef=OPTIONAL)),
)  # fmt: skip

ACS_METHODS: dict[str, tuple[Rpc, Rpc]] = {
    "Inform": (Rpc(m.Inform, bodies.read_inform, bodies.write_inform), _rpc(m.InformResponse, MaxEnvelopes=INT)),
    "GetRPCMethods": (_NOTHING, _rpc(m.GetRPCMethodsResponse, MethodList=NAMES)),
    "TransferComplete": (
        _rpc(m.TransferComplete, CommandKey=KEY, FaultStruct=_FAULT, **_TIMES), _NOTHING),
    "AutonomousTransferComplete": (
        _rpc(m.AutonomousTransferComplete, AnnounceURL=TEXT, TransferURL=TEXT, IsDownload=BOOL, **_FILE,
             FaultStruct=_FAULT, **_TIMES),
        _NOTHING),
    "RequestDownload": (
        _rpc(m.RequestDownload, FileType=TEXT, FileTypeArg=_structs(m.ArgStruct, Name=NAME, Value=TEXT)),
        _NOTHING),
    "DUStateChangeComplete": (
        _rpc(m.DUStateChangeComplete, Results=repeated(struct(m.OpResultStruct, **_RESULT)), CommandKey=KEY),
        _NOTHING),
    "AutonomousDUStateChangeComplete": (
        _rpc(m.AutonomousDUStateChangeComplete,
             Results=repeated(struct(m.OpResultStruct, **_RESULT, OperationPerformed=NAME))),
        _NOTHING),
    "Kicked": (
        _rpc(m.Kicked, Command=TEXT, Referer=TEXT, Arg=TEXT, Next=TEXT), _rpc(m.KickedResponse, NextURL=TEXT)),
}  # fmt: skip
"""What a CPE calls: method -> (request, response). TR-069 A.3.1, A.3.3, A.4.2."""

CPE_METHODS: dict[str, tuple[Rpc, Rpc]] = {
    "GetRPCMethods": ACS_METHODS["GetRPCMethods"],
    "SetParameterValues": (_rpc(m.SetParameterValues, ParameterList=("values", VALUES), ParameterKey=KEY), _STATUS),
    "GetParameterValues": (
        _rpc(m.GetParameterValues, ParameterNames=NAMES),
        Rpc(m.GetParameterValuesResponse, bodies.read_values_response, bodies.write_values_response)),
    "GetParameterNames": (
        _rpc(m.GetParameterNames, ParameterPath=NAME, NextLevel=BOOL),
        Rpc(m.GetParameterNamesResponse, bodies.read_names_response, bodies.write_names_response)),
    "SetParameterAttributes": (
        _rpc(m.SetParameterAttributes, ParameterList=_structs(
            m.SetParameterAttributesStruct, Name=NAME, NotificationChange=BOOL, Notification=INT,
            AccessListChange=BOOL, AccessList=STRINGS)),
        _NOTHING),
    "GetParameterAttributes": (
        _rpc(m.GetParameterAttributes, ParameterNames=NAMES),
        _rpc(m.GetParameterAttributesResponse, ParameterList=_structs(
            m.ParameterAttributeStruct, Name=NAME, Notification=INT, AccessList=STRINGS))),
    "AddObject": (_OBJECT, _rpc(m.AddObjectResponse, needs=("instance_number",), InstanceNumber=INT, Status=STATUS)),
    "DeleteObject": (_OBJECT, _STATUS),
    "Reboot": (_COMMAND_KEY, _NOTHING),
    "Download": (
        _rpc(m.Download, CommandKey=KEY, FileType=TEXT, URL=TEXT, **_LOGIN, FileSize=INT, TargetFileName=TEXT,
             DelaySeconds=INT, SuccessURL=TEXT, FailureURL=TEXT),
        _TRANSFERRED),
    "ScheduleDownload": (
        _rpc(m.ScheduleDownload, CommandKey=KEY, FileType=TEXT, URL=TEXT, **_LOGIN, FileSize=INT, TargetFileName=TEXT,
             TimeWindowList=_structs(m.TimeWindowStruct, WindowStart=INT, WindowEnd=INT, WindowMode=TEXT,
                                     UserMessage=TEXT, MaxRetries=INT)),
        _NOTHING),
    "Upload": (
        _rpc(m.Upload, CommandKey=KEY, FileType=TEXT, URL=TEXT, **_LOGIN, DelaySeconds=INT), _TRANSFERRED),
    "CancelTransfer": (_COMMAND_KEY, _NOTHING),
    "GetAllQueuedTransfers": (
        _NOTHING,
        _rpc(m.GetAllQueuedTransfersResponse, TransferList=_structs(
            m.AllQueuedTransferStruct, CommandKey=KEY, State=INT, IsDownload=BOOL, **_FILE))),
    "GetQueuedTransfers": (
        _NOTHING,
        _rpc(m.GetQueuedTransfersResponse, TransferList=_structs(m.QueuedTransferStruct, CommandKey=KEY, State=INT))),
    "ScheduleInform": (_rpc(m.ScheduleInform, DelaySeconds=INT, CommandKey=KEY), _NOTHING),
    "FactoryReset": (_NOTHING, _NOTHING),
    "ChangeDUState": (
        _rpc(m.ChangeDUState, Operations=repeated(_OPERATION), CommandKey=KEY), _NOTHING),
    "SetVouchers": (
        _rpc(m.SetVouchers, VoucherList=array("base64", "SOAP-ENC:base64", NAME)), _NOTHING),
    "GetOptions": (
        _rpc(m.GetOptions, OptionName=NAME),
        _rpc(m.GetOptionsResponse, OptionList=_structs(
            m.OptionStruct, OptionName=NAME, VoucherSN=INT, State=INT, Mode=INT, StartDate=TIME,
            ExpirationDate=OPTIONAL_TIME, IsTransferable=INT))),
}  # fmt: skip
"""What an ACS calls: method -> (request, response). TR-069 A.3.1, A.3.2, A.4.1."""

FAULT = Rpc(m.Fault, bodies.read_fault, bodies.write_fault)

MESSAGES: dict[str, Rpc] = {
    name + suffix: rpc
    for methods in (ACS_METHODS, CPE_METHODS)
    for name, pair in methods.items()
    for suffix, rpc in zip(("", "Response"), pair, strict=True)
}
"""Every RPC element of CWMP by its local name."""
