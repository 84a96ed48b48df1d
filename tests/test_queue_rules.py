"""What is refused before it is queued: with a sentence that says what would be allowed, and nothing stored."""

from __future__ import annotations

import asyncio

import pytest

from cpetwin.access.secrets import SecretBox
from cpetwin.clock import ManualClock
from cpetwin.errors import BadInput
from cpetwin.queue import Command, Queue
from cpetwin.twin import DeviceId, Names, Observations, Report
from cpetwin.twin.store.sqlite import SqliteStore

RADIO = "Device.WiFi.Radio.1."
TREE = {
    RADIO + "Channel": ("6", "unsignedInt", True),
    RADIO + "Enable": ("true", "boolean", True),
    RADIO + "Status": ("Up", "string", False),
    RADIO + "X_ACME_Mode": ("a", "string", True),
    "Device.NAT.PortMapping.1.ExternalPort": ("80", "unsignedInt", True),
}
OBJECTS = {"Device.": False, RADIO: False, "Device.NAT.PortMapping.": True, "Device.NAT.PortMapping.1.": True}


def submit(tmp_path, kind: str, args: dict[str, object], **more: str):
    """Queue a command for a device whose tree is known; returns the stored command."""

    async def main():
        store = SqliteStore(tmp_path)
        try:
            device = await store.enrol(DeviceId("00AA11", "GW", "S1"), 1000, "cwmp", facts={"root": "Device."})
            names = Names("Device.", (*OBJECTS, *TREE), (*OBJECTS.values(), *(w for _, _, w in TREE.values())))
            values = Observations(tuple(TREE), [v for v, _, _ in TREE.values()], [t for _, t, _ in TREE.values()])
            await store.commit(Report(device=device.key, at=2000, names=names, values=values, discovered=True))
            queue = Queue(store, ManualClock(3000), SecretBox(b"k" * 32))
            try:
                return await queue.submit(device, Command(kind=kind, args=args, **more), actor="test")
            except BadInput:
                assert await store.commands(device.key) == []
                raise
        finally:
            await store.close()

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("kind", "args", "sentence"),
    [
        ("set", {"values": {}}, "nothing to set"),
        ("set", {"values": {RADIO + "Channel": "abc"}}, "no value for"),
        ("set", {"values": {RADIO + "Channel": "-1"}}, "no value for"),
        ("set", {"values": {RADIO + "Enable": "perhaps"}}, "no value for"),
        ("set", {"values": {RADIO + "Status": "Down"}}, "read-only"),
        ("set", {"values": {RADIO: "x"}}, "object"),
        ("set", {"values": {"InternetGatewayDevice.DeviceInfo.ProvisioningCode": "x"}}, "below Device."),
        ("set", {"values": {RADIO + "X_ACME_Mode": "a\x00b"}}, "control characters"),
        ("set", {"values": {"no path": "x"}}, ""),
        ("get", {"paths": []}, "nothing to get"),
        ("add", {"table": RADIO}, "does not allow"),
        ("delete", {"path": "Device.NAT.PortMapping."}, "no row"),
        ("reboot", {"now": True}, "no arguments"),
        ("explode", {}, "no kind"),
    ],
)
def test_impossible_wishes_are_refused_with_a_reason(tmp_path, kind, args, sentence):
    with pytest.raises(BadInput) as refused:
        submit(tmp_path, kind, args)
    assert sentence in refused.value.message


@pytest.mark.parametrize("expression", ["Device.WiFi.Radio.1.Channel = 6", "==", 'Device.A == "x" &&', "x" * 5000])
def test_wrong_conditions_are_refused(tmp_path, expression):
    with pytest.raises(BadInput):
        submit(tmp_path, "set", {"values": {RADIO + "Channel": "1"}}, condition=expression)


@pytest.mark.parametrize(
    ("kind", "args"),
    [
        ("set", {"values": {RADIO + "Channel": "11", RADIO + "Enable": "0"}}),
        ("set", {"values": {RADIO + "X_ACME_Mode": "anything"}}),
        ("set", {"values": {"Device.NAT.PortMapping.7.ExternalPort": "8080"}}),
        ("add", {"table": "Device.NAT.PortMapping", "values": {"ExternalPort": "8080"}}),
        ("delete", {"path": "Device.NAT.PortMapping.1"}),
    ],
)
def test_possible_wishes_are_queued_with_the_types_of_the_device(tmp_path, kind, args):
    assert submit(tmp_path, kind, args).state == "queued"
