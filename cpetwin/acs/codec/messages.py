"""The messages of CWMP as frozen types (TR-069 annex A.3 and A.4).

Every argument has a default, because devices leave out what the schema demands. Texts are as sent
(names and keys of the protocol are trimmed, values never); times stay text, see ``times.parse_time``.
A message without arguments has the body ``NoArguments``; an RPC we do not know has ``UnknownRpc``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from ...twin.identity import DeviceId
from ...twin.report import DeviceEvent, Observations

UNKNOWN_TIME = "0001-01-01T00:00:00Z"
"""The dateTime of CWMP for "not known" (TR-069 3.2.1.1)."""


class NoArguments(msgspec.Struct, frozen=True):
    """The body of an RPC without arguments, and of an empty POST."""


class UnknownRpc(msgspec.Struct, frozen=True):
    """An RPC outside our table; an ACS answers 8000, a CPE 9000."""


NO_ARGUMENTS = NoArguments()


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP body, decoded.

    ``name``       RPC name (``Inform``, ``GetParameterValuesResponse`` ...), ``Fault``, or ``empty`` for no body
    ``id``         text of the cwmp:ID header, None when there is none; to be echoed as it is
    ``namespace``  the cwmp namespace the sender used; empty when the message has none (``empty``, some faults)
    ``body``       one of the types below
    ``session_timeout``  seconds, from CPEs of version 1.3 and later
    """

    name: str
    body: object
    id: str | None = None
    namespace: str = ""
    hold_requests: bool = False
    session_timeout: int | None = None
    supported_versions: tuple[str, ...] = ()
    use_version: str | None = None


# ------------------------------------------------------------------ parts


class FaultStruct(msgspec.Struct, frozen=True):
    """Outcome of a transfer or deployment-unit operation; ``fault_code`` 0 is success."""

    fault_code: int = 0
    fault_string: str = ""


class ArgStruct(msgspec.Struct, frozen=True):
    name: str = ""
    value: str = ""


class OpResultStruct(msgspec.Struct, frozen=True):
    """``operation_performed`` is sent only in AutonomousDUStateChangeComplete."""

    uuid: str = ""
    deployment_unit_ref: str = ""
    version: str = ""
    current_state: str = ""
    resolved: bool = False
    execution_unit_ref_list: str = ""
    start_time: str = UNKNOWN_TIME
    complete_time: str = UNKNOWN_TIME
    fault: FaultStruct = FaultStruct()
    operation_performed: str = ""


class SetParameterAttributesStruct(msgspec.Struct, frozen=True):
    name: str = ""
    notification_change: bool = False
    notification: int = 0
    access_list_change: bool = False
    access_list: Sequence[str] = ()


class ParameterAttributeStruct(msgspec.Struct, frozen=True):
    name: str = ""
    notification: int = 0
    access_list: Sequence[str] = ()


class TimeWindowStruct(msgspec.Struct, frozen=True):
    """``window_start`` and ``window_end`` in seconds from receipt; ``max_retries`` -1 lets the CPE decide."""

    window_start: int = 0
    window_end: int = 0
    window_mode: str = "1 At Any Time"
    user_message: str = ""
    max_retries: int = -1


class QueuedTransferStruct(msgspec.Struct, frozen=True):
    """``state`` 1 not yet started, 2 in progress, 3 completed."""

    command_key: str = ""
    state: int = 1


class AllQueuedTransferStruct(msgspec.Struct, frozen=True):
    command_key: str = ""
    state: int = 1
    is_download: bool = False
    file_type: str = ""
    file_size: int = 0
    target_file_name: str = ""


class OptionStruct(msgspec.Struct, frozen=True):
    option_name: str = ""
    voucher_sn: int = 0
    state: int = 0
    mode: int = 0
    start_date: str = UNKNOWN_TIME
    expiration_date: str = ""
    is_transferable: int = 0


class InstallOpStruct(msgspec.Struct, frozen=True, tag=True):
    """Empty optional arguments are left out on the wire."""

    url: str = ""
    uuid: str = ""
    username: str = ""
    password: str = ""
    execution_env_ref: str = ""


class UpdateOpStruct(msgspec.Struct, frozen=True, tag=True):
    uuid: str = ""
    version: str = ""
    url: str = ""
    username: str = ""
    password: str = ""


class UninstallOpStruct(msgspec.Struct, frozen=True, tag=True):
    uuid: str = ""
    version: str = ""
    execution_env_ref: str = ""


Operation: TypeAlias = InstallOpStruct | UpdateOpStruct | UninstallOpStruct


class SetFault(msgspec.Struct, frozen=True):
    """One SetParameterValuesFault: why this parameter could not be set."""

    parameter_name: str = ""
    fault_code: int = 0
    fault_string: str = ""


class Fault(msgspec.Struct, frozen=True):
    """A SOAP fault. ``code`` and ``text`` are those of cwmp:Fault; 0 and empty when it has none."""

    code: int = 0
    text: str = ""
    faultcode: str = "Client"
    faultstring: str = "CWMP fault"
    set_faults: tuple[SetFault, ...] = ()


# ------------------------------------------------------------------ the CPE calls the ACS (section A.3.3, A.4.2)


class Inform(msgspec.Struct, frozen=True, kw_only=True):
    """``structs`` counts the ParameterValueStructs that were there, those without a name included."""

    device: DeviceId
    manufacturer: str = ""
    events: tuple[DeviceEvent, ...] = ()
    max_envelopes: int = 1
    current_time: str = UNKNOWN_TIME
    retry_count: int = 0
    parameters: Observations = Observations((), (), ())
    structs: int = 0


class InformResponse(msgspec.Struct, frozen=True):
    max_envelopes: int = 1


class TransferComplete(msgspec.Struct, frozen=True):
    command_key: str = ""
    fault_struct: FaultStruct = FaultStruct()
    start_time: str = UNKNOWN_TIME
    complete_time: str = UNKNOWN_TIME


class AutonomousTransferComplete(msgspec.Struct, frozen=True):
    announce_url: str = ""
    transfer_url: str = ""
    is_download: bool = False
    file_type: str = ""
    file_size: int = 0
    target_file_name: str = ""
    fault_struct: FaultStruct = FaultStruct()
    start_time: str = UNKNOWN_TIME
    complete_time: str = UNKNOWN_TIME


class RequestDownload(msgspec.Struct, frozen=True):
    file_type: str = ""
    file_type_arg: Sequence[ArgStruct] = ()


class DUStateChangeComplete(msgspec.Struct, frozen=True):
    results: Sequence[OpResultStruct] = ()
    command_key: str = ""


class AutonomousDUStateChangeComplete(msgspec.Struct, frozen=True):
    results: Sequence[OpResultStruct] = ()


class Kicked(msgspec.Struct, frozen=True):
    command: str = ""
    referer: str = ""
    arg: str = ""
    next: str = ""


class KickedResponse(msgspec.Struct, frozen=True):
    next_url: str = ""


class GetRPCMethodsResponse(msgspec.Struct, frozen=True):
    method_list: Sequence[str] = ()


# ------------------------------------------------------------------ the ACS calls the CPE (section A.3.2, A.4.1)


class SetParameterValues(msgspec.Struct, frozen=True):
    """``values`` are (path, text, type without prefix); an empty type is written as string."""

    values: Sequence[tuple[str, str, str]] = ()
    parameter_key: str = ""


class StatusResponse(msgspec.Struct, frozen=True):
    """Answer to SetParameterValues and DeleteObject: 0 applied, 1 accepted but not applied yet."""

    status: int = 0


class GetParameterValues(msgspec.Struct, frozen=True):
    parameter_names: Sequence[str] = ()


class GetParameterValuesResponse(msgspec.Struct, frozen=True):
    """``structs`` counts the structs that were there, those without a name included."""

    parameters: Observations = Observations((), (), ())
    structs: int = 0


class GetParameterNames(msgspec.Struct, frozen=True):
    parameter_path: str = ""
    next_level: bool = False


class GetParameterNamesResponse(msgspec.Struct, frozen=True):
    """Two columns of equal length; objects end in a dot. ``structs`` as in GetParameterValuesResponse."""

    paths: Sequence[str] = ()
    writable: Sequence[bool] = ()
    structs: int = 0


class SetParameterAttributes(msgspec.Struct, frozen=True):
    parameter_list: Sequence[SetParameterAttributesStruct] = ()


class GetParameterAttributes(msgspec.Struct, frozen=True):
    parameter_names: Sequence[str] = ()


class GetParameterAttributesResponse(msgspec.Struct, frozen=True):
    parameter_list: Sequence[ParameterAttributeStruct] = ()


class ObjectCall(msgspec.Struct, frozen=True):
    """Arguments of AddObject (a table, ending in a dot) and DeleteObject (an instance, ending in a dot)."""

    object_name: str = ""
    parameter_key: str = ""


class AddObjectResponse(msgspec.Struct, frozen=True):
    instance_number: int
    status: int = 0


class CommandKeyCall(msgspec.Struct, frozen=True):
    """Arguments of Reboot and CancelTransfer."""

    command_key: str = ""


class ScheduleInform(msgspec.Struct, frozen=True):
    delay_seconds: int = 1
    command_key: str = ""


class Download(msgspec.Struct, frozen=True):
    command_key: str = ""
    file_type: str = "1 Firmware Upgrade Image"
    url: str = ""
    username: str = ""
    password: str = ""
    file_size: int = 0
    target_file_name: str = ""
    delay_seconds: int = 0
    success_url: str = ""
    failure_url: str = ""


class TransferResponse(msgspec.Struct, frozen=True):
    """Answer to Download and Upload: 0 done, 1 a TransferComplete will follow."""

    status: int = 0
    start_time: str = UNKNOWN_TIME
    complete_time: str = UNKNOWN_TIME


class ScheduleDownload(msgspec.Struct, frozen=True):
    command_key: str = ""
    file_type: str = "1 Firmware Upgrade Image"
    url: str = ""
    username: str = ""
    password: str = ""
    file_size: int = 0
    target_file_name: str = ""
    time_window_list: Sequence[TimeWindowStruct] = ()


class Upload(msgspec.Struct, frozen=True):
    command_key: str = ""
    file_type: str = "1 Vendor Configuration File"
    url: str = ""
    username: str = ""
    password: str = ""
    delay_seconds: int = 0


class GetQueuedTransfersResponse(msgspec.Struct, frozen=True):
    transfer_list: Sequence[QueuedTransferStruct] = ()


class GetAllQueuedTransfersResponse(msgspec.Struct, frozen=True):
    transfer_list: Sequence[AllQueuedTransferStruct] = ()


class ChangeDUState(msgspec.Struct, frozen=True):
    operations: Sequence[Operation] = ()
    command_key: str = ""


class SetVouchers(msgspec.Struct, frozen=True):
    """Vouchers as base64 text."""

    voucher_list: Sequence[str] = ()


class GetOptions(msgspec.Struct, frozen=True):
    option_name: str = ""


class GetOptionsResponse(msgspec.Struct, frozen=True):
    option_list: Sequence[OptionStruct] = ()
