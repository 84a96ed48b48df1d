"""What a session does when evidence is thin: it never claims more than it knows, and never asks twice by accident."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from scripted_cpe import ROOT
from test_session import EMPTY, World

from cpetwin.acs.effects import Commit
from cpetwin.acs.evidence import RESTART_MS, deliveries_of
from cpetwin.twin import DeviceEvent

CHANNEL = ROOT + "WiFi.Radio.1.Channel"
Test = Callable[[World], Awaitable[None]]


@pytest.fixture
def world(tmp_path: Path) -> Callable[[Test], None]:
    def run(test: Test) -> None:
        async def main() -> None:
            w = World(tmp_path / "data")
            try:
                await w.contact()
                await test(w)
            finally:
                await w.store.close()

        asyncio.run(main())

    return run


async def leave(w: World) -> None:
    """The session breaks off; what it still has is committed."""
    for effect in w.session.lost():
        await w.perform(effect)


def count(w: World, name: str) -> int:
    return [rpc for rpc, _ in w.cpe.executed].count(name)


def test_a_session_that_was_replaced_in_the_middle_of_a_step_sends_nothing_more(world) -> None:
    """The device opened another session while ours was writing ``sent``: the request must not leave in both."""

    async def test(w: World) -> None:
        command = await w.submit("set", {"values": {CHANNEL: "11"}})
        session = await w.open()
        steps = session.handle(EMPTY)
        effect = next(steps)
        while not (isinstance(effect, Commit) and effect.report.updates):
            effect = steps.send(await w.perform(effect))
        answer = await w.perform(effect)
        assert (await w.outcome(command.id)).state == "sent"
        await leave(w)
        with pytest.raises(StopIteration) as finished:
            steps.send(answer)
        assert (finished.value.value.status, finished.value.value.body) == (400, b"")
        await w.contact()
        stored = await w.outcome(command.id)
        assert (stored.state, stored.verified) == ("done", True)
        assert count(w, "SetParameterValues") == 1

    world(test)


@pytest.mark.parametrize("at", ["AddObject", "SetParameterValues", "GetParameterNames", "GetParameterValues"])
def test_an_add_that_is_cut_anywhere_is_finished_on_its_own_row(world, at: str) -> None:
    """Whichever answer was the last one heard: one row is added, and it is the one that gets the values."""

    async def test(w: World) -> None:
        command = await w.submit("add", {"table": "Device.NAT.PortMapping.", "values": {"ExternalPort": "8080"}})
        await w.open()
        request = await w.post(EMPTY)
        while request is not None:
            answer = w.cpe.answer(request)
            if request.name == at:
                break
            request = await w.post(answer)
        await leave(w)
        await w.contact()
        stored = await w.outcome(command.id)
        assert (stored.state, stored.verified) == ("done", True), stored
        assert count(w, "AddObject") == 1
        assert w.cpe.tree["Device.NAT.PortMapping.2.ExternalPort"][0] == "8080"
        assert "Device.NAT.PortMapping.3.ExternalPort" not in w.cpe.tree

    world(test)


def test_a_command_queued_again_by_hand_is_another_delivery(world) -> None:
    """Its key differs, so the ParameterKey of the first execution is no evidence for the second."""

    async def test(w: World) -> None:
        command = await w.submit("set", {"values": {CHANNEL: "11"}}, verify=f"{CHANNEL} == 13")
        await w.contact()
        assert (await w.outcome(command.id)).state == "failed"
        first = w.cpe.parameter_key
        await w.queue.retry(command.id, "test")
        await w.open()
        request = await w.post(EMPTY)
        assert request is not None and request.name == "SetParameterValues"
        assert request.body.parameter_key != first and len(request.body.parameter_key) <= 32
        await leave(w)  # it never arrived
        await w.contact()
        stored = await w.outcome(command.id)
        assert deliveries_of(stored) == 2 and count(w, "SetParameterValues") == 2

    world(test)


def test_a_boot_that_was_told_before_is_no_proof_of_a_reboot(world) -> None:
    """The device repeats the events of an Inform whose answer it did not get; the Reboot came after them."""

    async def test(w: World) -> None:
        w.cpe.events = [DeviceEvent("1 BOOT")]
        command = await w.submit("reboot", {})
        await w.open()
        request = await w.post(EMPTY)
        assert request is not None and request.name == "Reboot"
        await leave(w)
        w.cpe.events, w.cpe.retry = [DeviceEvent("1 BOOT")], 1
        await w.open()
        assert (await w.outcome(command.id)).state == "queued"
        w.cpe.retry = 0
        request = await w.post(EMPTY)
        while request is not None:
            request = await w.post(w.cpe.answer(request))
        await w.contact()
        stored = await w.outcome(command.id)
        assert (stored.state, stored.verified) == ("done", True) and count(w, "Reboot") == 1

    world(test)


def test_a_boot_without_a_reason_is_done_but_not_verified(world) -> None:
    """Reboot left, nobody heard of it, and the device has booted: that may have been a power cut."""

    async def test(w: World) -> None:
        command = await w.submit("reboot", {})
        await w.open()
        await w.post(EMPTY)
        await leave(w)
        w.cpe.events = [DeviceEvent("1 BOOT")]
        await w.contact()
        stored = await w.outcome(command.id)
        assert (stored.state, stored.verified) == ("done", None)

    world(test)


def test_a_reboot_that_was_accepted_and_ignored_does_not_block_the_device_for_ever(world) -> None:
    async def test(w: World) -> None:
        reboot = await w.submit("reboot", {})
        change = await w.submit("set", {"values": {CHANNEL: "11"}})
        await w.contact()
        w.cpe.events = [DeviceEvent("2 PERIODIC")]
        await w.contact()
        assert (await w.outcome(reboot.id)).state == "verifying"
        w.clock.advance(RESTART_MS)
        w.cpe.events = [DeviceEvent("2 PERIODIC")]
        await w.contact()
        assert (await w.outcome(reboot.id)).state == "failed"
        assert (await w.outcome(change.id)).state == "done"

    world(test)


def test_a_reset_wipes_the_evidence(world) -> None:
    """After a bootstrap ParameterKey is empty whatever was executed: no row is added a second time on that ground."""

    async def test(w: World) -> None:
        add = await w.submit("add", {"table": "Device.NAT.PortMapping.", "values": {}})
        await w.open()
        request = await w.post(EMPTY)
        w.cpe.answer(request)
        await leave(w)
        w.cpe.tree["Device.ManagementServer.ParameterKey"][0] = ""
        w.cpe.events = [DeviceEvent("0 BOOTSTRAP")]
        await w.contact()
        assert (await w.outcome(add.id)).state == "unknown" and count(w, "AddObject") == 1

    world(test)


def test_a_lost_add_among_other_new_rows_is_not_guessed(world):
    """Two rows appeared and the answer was lost: the command is unknown, and no row is touched."""

    async def test(w: World) -> None:
        await w.contact()
        command = await w.submit("add", {"table": "Device.NAT.PortMapping.", "values": {"ExternalPort": "8080"}})
        await w.open()
        request = await w.post(EMPTY)
        w.cpe.answer(request)
        w.cpe.tree["Device.NAT.PortMapping.9.ExternalPort"] = ["1", "unsignedInt", True]
        await leave(w)
        await w.contact()
        assert (await w.outcome(command.id)).state == "unknown"
        assert w.cpe.tree["Device.NAT.PortMapping.9.ExternalPort"][0] == "1"

    world(test)
