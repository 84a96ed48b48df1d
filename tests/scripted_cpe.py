"""A tree-backed CPE without sockets, for tests of the session: it answers what the ACS sends."""

from __future__ import annotations

from collections.abc import Callable

from cpetwin.acs.codec import Message, envelope, messages, parse
from cpetwin.twin import DeviceEvent, DeviceId, Observations

NS = "urn:dslforum-org:cwmp-1-2"
ROOT = "Device."


class ScriptedCpe:
    """``tree`` maps leaf paths to [text, type, writable]; objects follow from the paths, tables are writable."""

    def __init__(self, tree: dict[str, list[object]] | None = None) -> None:
        self.tree = tree or {
            "Device.DeviceInfo.SoftwareVersion": ["1.0", "string", False],
            "Device.DeviceInfo.ModelName": ["M1", "string", False],
            "Device.ManagementServer.ParameterKey": ["", "string", False],
            "Device.ManagementServer.PeriodicInformInterval": ["300", "unsignedInt", True],
            "Device.WiFi.Radio.1.Channel": ["6", "unsignedInt", True],
            "Device.WiFi.Radio.1.Enable": ["1", "boolean", True],
            "Device.NAT.PortMapping.1.ExternalPort": ["80", "unsignedInt", True],
            "Device.WiFi.AccessPoint.1.Security.KeyPassphrase": ["", "string", True],
        }
        self.executed: list[tuple[str, object]] = []
        self.events: list[DeviceEvent] = [DeviceEvent("0 BOOTSTRAP"), DeviceEvent("1 BOOT")]
        self.retry = 0
        self.max_values = 10_000
        self.refuse: Callable[[Message], int] = lambda message: 0

    @property
    def parameter_key(self) -> str:
        return str(self.tree["Device.ManagementServer.ParameterKey"][0])

    def inform(self) -> Message:
        names = ["Device.DeviceInfo.SoftwareVersion", "Device.ManagementServer.ParameterKey"]
        body = messages.Inform(
            device=DeviceId("00AA11", "GW", "S1"), manufacturer="Acme", events=tuple(self.events),
            retry_count=self.retry, structs=2,
            parameters=Observations(names, [str(self.tree[n][0]) for n in names], ["string"] * 2),
        )  # fmt: skip
        self.events = [DeviceEvent("2 PERIODIC")]
        return Message(name="Inform", id="i1", namespace=NS, body=body)

    def answer(self, request: Message) -> Message:
        """Execute an RPC and answer it, through the wire form both ways."""
        code = self.refuse(request)
        if code:
            name, body = "Fault", messages.Fault(code, "refused")
        else:
            self.executed.append((request.name, request.body))
            name, body = getattr(self, "_" + request.name)(request.body)
        return parse(envelope(name, body, id=request.id, namespace=NS))

    def _GetParameterNames(self, args):
        path, below = args.parameter_path, [p for p in self.tree if p.startswith(args.parameter_path)]
        if not below:
            return "Fault", messages.Fault(9005, "no such name")
        found: dict[str, bool] = {} if args.next_level else {path: "PortMapping" in path}
        for leaf in below:
            parts = leaf[len(path) :].split(".")
            for depth in range(1, len(parts)):
                found.setdefault(
                    path + ".".join(parts[:depth]) + ".", "PortMapping" in parts[max(0, depth - 2) : depth]
                )
            found[leaf] = bool(self.tree[leaf][2])
        if args.next_level:
            found = {p: w for p, w in found.items() if p[len(path) :].rstrip(".").count(".") == 0}
        return "GetParameterNamesResponse", messages.GetParameterNamesResponse(list(found), list(found.values()))

    def _GetParameterValues(self, args):
        found = []
        for path in args.parameter_names:
            leaves = [p for p in self.tree if (p.startswith(path) if path.endswith(".") else p == path)]
            if not leaves and not path.endswith("."):
                return "Fault", messages.Fault(9005, path)
            found += leaves
        if len(found) > self.max_values:
            return "Fault", messages.Fault(9004, "too much")
        read = Observations(found, [str(self.tree[p][0]) for p in found], [str(self.tree[p][1]) for p in found])
        return "GetParameterValuesResponse", messages.GetParameterValuesResponse(read)

    def _SetParameterValues(self, args):
        for name, _, _ in args.values:
            if name not in self.tree or not self.tree[name][2]:
                fault = messages.SetFault(name, 9005 if name not in self.tree else 9008, "no")
                return "Fault", messages.Fault(9003, "invalid", set_faults=(fault,))
        for name, text, _ in args.values:
            if not name.endswith("KeyPassphrase"):
                self.tree[name][0] = text
        self.tree["Device.ManagementServer.ParameterKey"][0] = args.parameter_key
        return "SetParameterValuesResponse", messages.StatusResponse(0)

    def _AddObject(self, args):
        numbers = [int(p[len(args.object_name) :].split(".")[0]) for p in self.tree if p.startswith(args.object_name)]
        number = max(numbers) + 1
        self.tree[f"{args.object_name}{number}.ExternalPort"] = ["0", "unsignedInt", True]
        self.tree["Device.ManagementServer.ParameterKey"][0] = args.parameter_key
        return "AddObjectResponse", messages.AddObjectResponse(number)

    def _DeleteObject(self, args):
        for path in [p for p in self.tree if p.startswith(args.object_name)]:
            del self.tree[path]
        self.tree["Device.ManagementServer.ParameterKey"][0] = args.parameter_key
        return "DeleteObjectResponse", messages.StatusResponse(0)

    def _Reboot(self, args):
        self.events = [DeviceEvent("1 BOOT"), DeviceEvent("M Reboot", args.command_key)]
        return "RebootResponse", messages.NO_ARGUMENTS

    def _FactoryReset(self, args):
        self.events = [DeviceEvent("0 BOOTSTRAP"), DeviceEvent("1 BOOT")]
        return "FactoryResetResponse", messages.NO_ARGUMENTS
