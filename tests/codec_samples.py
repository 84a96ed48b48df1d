"""One good example of every CWMP message, for the tests of the codec."""

from __future__ import annotations

from cpetwin.acs.codec import MESSAGES, NAMESPACES, NO_ARGUMENTS, envelope
from cpetwin.acs.codec import messages as m
from cpetwin.twin.identity import DeviceId
from cpetwin.twin.report import DeviceEvent, Observations

NS = NAMESPACES[0]
UUID = "6d2ae2e3-1b3f-4c0e-9d53-0a5a0c8f7e11"
VALUES = Observations(
    ["Device.DeviceInfo.SoftwareVersion", "Device.WiFi.SSID.1.SSID", "Device.DeviceInfo.ProvisioningCode"],
    ["1.0 <beta> & co", "  two  blanks  ", ""],
    ["string", "string", "string"],
)
INFORM = m.Inform(
    device=DeviceId("00AABB", "Gateway", "S-1"),
    manufacturer="Maker",
    events=(DeviceEvent("1 BOOT"), DeviceEvent("M Reboot", "key-1")),
    current_time="2024-02-29T12:00:00Z",
    retry_count=2,
    parameters=VALUES,
    structs=3,
)
_RESULT = m.OpResultStruct(UUID, "Device.X.1.", "1.0", "Installed", True, "", fault=m.FaultStruct(0, ""))
_LOGIN = {"url": "http://files.example/x", "username": "", "password": "p&w"}

SAMPLES: dict[str, object] = dict.fromkeys(MESSAGES, NO_ARGUMENTS) | {
    "Inform": INFORM,
    "InformResponse": m.InformResponse(),
    "GetRPCMethodsResponse": m.GetRPCMethodsResponse(("Inform", "TransferComplete")),
    "TransferComplete": m.TransferComplete("key", m.FaultStruct(9010, "no such file"), "2024-01-01T00:00:00Z"),
    "AutonomousTransferComplete": m.AutonomousTransferComplete(
        "", "http://files.example/y", True, "1 Firmware Upgrade Image", 10, "y"
    ),
    "RequestDownload": m.RequestDownload("1 Firmware Upgrade Image", (m.ArgStruct("a", "b"), m.ArgStruct("c", ""))),
    "DUStateChangeComplete": m.DUStateChangeComplete((_RESULT, _RESULT), "key"),
    "AutonomousDUStateChangeComplete": m.AutonomousDUStateChangeComplete(
        (m.OpResultStruct(UUID, current_state="Failed", fault=m.FaultStruct(9015, "x"), operation_performed="Install"),)
    ),
    "Kicked": m.Kicked("c", "r", "a", "http://next.example/"),
    "KickedResponse": m.KickedResponse("http://next.example/"),
    "SetParameterValues": m.SetParameterValues(
        (("Device.A", "1", "boolean"), ("Device.B", "a\r\nb", "string"), ("Device.C", "AAAA", "base64")), "key"
    ),
    "SetParameterValuesResponse": m.StatusResponse(1),
    "GetParameterValues": m.GetParameterValues(("Device.", "Device.X")),
    "GetParameterValuesResponse": m.GetParameterValuesResponse(VALUES, 3),
    "GetParameterNames": m.GetParameterNames("Device.", True),
    "GetParameterNamesResponse": m.GetParameterNamesResponse(["Device.X.", "Device.X.Y"], [True, False], 2),
    "SetParameterAttributes": m.SetParameterAttributes(
        (m.SetParameterAttributesStruct("Device.X", True, 2, True, ("Subscriber",)),)
    ),
    "GetParameterAttributes": m.GetParameterAttributes(("Device.X",)),
    "GetParameterAttributesResponse": m.GetParameterAttributesResponse(
        (m.ParameterAttributeStruct("Device.X", 1, ("Subscriber",)), m.ParameterAttributeStruct("Device.Y", 0, ()))
    ),
    "AddObject": m.ObjectCall("Device.X.", "key"),
    "AddObjectResponse": m.AddObjectResponse(7, 0),
    "DeleteObject": m.ObjectCall("Device.X.7.", "key"),
    "DeleteObjectResponse": m.StatusResponse(0),
    "Reboot": m.CommandKeyCall("key"),
    "Download": m.Download("key", **_LOGIN, file_size=10, target_file_name="x", delay_seconds=5),
    "DownloadResponse": m.TransferResponse(1),
    "ScheduleDownload": m.ScheduleDownload(
        "key", **_LOGIN, time_window_list=(m.TimeWindowStruct(0, 60), m.TimeWindowStruct(90, 99, "2 Immediately"))
    ),
    "Upload": m.Upload("key", **_LOGIN),
    "UploadResponse": m.TransferResponse(0, "2024-01-01T00:00:00Z", "2024-01-01T00:00:01Z"),
    "CancelTransfer": m.CommandKeyCall("key"),
    "GetAllQueuedTransfersResponse": m.GetAllQueuedTransfersResponse(
        (m.AllQueuedTransferStruct("key", 2, True, "2 Web Content", 1, "n"),)
    ),
    "GetQueuedTransfersResponse": m.GetQueuedTransfersResponse((m.QueuedTransferStruct("key", 3),)),
    "ScheduleInform": m.ScheduleInform(60, "key"),
    "ChangeDUState": m.ChangeDUState(
        (
            m.InstallOpStruct("http://files.example/du", "", "user", "password"),
            m.UpdateOpStruct(UUID, "2.0"),
            m.UninstallOpStruct(UUID, execution_env_ref="Device.SoftwareModules.ExecEnv.1."),
        ),
        "key",
    ),
    "SetVouchers": m.SetVouchers(("AAAA", "BBBB")),
    "GetOptions": m.GetOptions("option"),
    "GetOptionsResponse": m.GetOptionsResponse((m.OptionStruct("option", 1), m.OptionStruct("o", 2, 1, 1))),
}
"""RPC name -> arguments that the schema accepts."""


def sample(name: str, namespace: str = NS, id: str | None = "42") -> bytes:
    return envelope(name, SAMPLES[name], id=id, namespace=namespace)


INFORM_BYTES = sample("Inform")
