"""The ACS session without sockets, against the real store: what is sent, what is stored, what is never done twice."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from scripted_cpe import NS, ROOT, ScriptedCpe

from cpetwin.access.secrets import SecretBox
from cpetwin.acs.codec import Message, messages, parse
from cpetwin.acs.contact import Contact
from cpetwin.acs.effects import Commit, Learn, LoadCommands, LoadTwin, NewCredentials, RenewCredentials, Reopen, Reply
from cpetwin.acs.incoming import MAX_NOTE
from cpetwin.acs.quirks import QuirkBook
from cpetwin.acs.session import Session, State, parameter_key
from cpetwin.clock import ManualClock
from cpetwin.queue import Command, Queue
from cpetwin.twin import DeviceId
from cpetwin.twin.store.base import ACTIVE_STATES
from cpetwin.twin.store.sqlite import SqliteStore

EMPTY = Message(name="empty", body=messages.NO_ARGUMENTS)


class World:
    """A store, a queue and one device; ``contact`` runs a whole session."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock(1_700_000_000_000)
        self.store = SqliteStore(folder)
        self.queue = Queue(self.store, self.clock, SecretBox(b"k" * 32))
        self.quirks = QuirkBook()
        self.cpe = ScriptedCpe()
        self.sent: list[Message] = []

    async def device(self):
        return await self.store.enrol(DeviceId("00AA11", "GW", "S1"), self.clock.now(), "cwmp")

    async def submit(self, kind: str, args: dict[str, object], **more):
        known = await self.store.find_identity("00AA11-S1")
        return await self.queue.submit(known, Command(kind=kind, args=args, **more), actor="test")

    async def open(self, renew: bool = False) -> Session:
        device = await self.device()
        message = self.cpe.inform()
        inform = message.body
        key = parameter_key(inform.parameters.names, inform.parameters.texts)
        contact = Contact(device, ROOT, self.clock, "tag", self.quirks.of("m"), self.queue.decode, "m", key)
        self.session = Session(contact, message, {"root": ROOT}, renew, True)
        reply = await self.drive(self.session.handle(message))
        assert parse(reply.body).name == "InformResponse"
        return self.session

    async def drive(self, steps) -> Reply:
        try:
            effect = next(steps)
            while True:
                effect = steps.send(await self.perform(effect))
        except StopIteration as finished:
            return finished.value

    async def perform(self, effect):
        match effect:
            case Commit(report):
                return await self.store.commit(report)
            case LoadTwin():
                return await self.store.twin(self.session.contact.device.key)
            case LoadCommands():
                return await self.store.commands(self.session.contact.device.key, ACTIVE_STATES)
            case RenewCredentials():
                return NewCredentials("u", "p", "cu", "cp")
            case Learn(quirks):
                self.quirks.learn("m", quirks)
            case Reopen():
                pass
            case _:
                raise AssertionError(effect)

    async def post(self, message: Message) -> Message | None:
        """One POST; the ACS's request, or None for 204."""
        reply = await self.drive(self.session.handle(message))
        if reply.status == 204:
            return None
        request = parse(reply.body)
        self.sent.append(request)
        return request

    async def contact(self, renew: bool = False) -> None:
        """Inform, answer everything, until the ACS sends 204."""
        await self.open(renew)
        request = await self.post(EMPTY)
        while request is not None:
            request = await self.post(self.cpe.answer(request))

    async def outcome(self, id: str):
        return await self.store.command(id)


@pytest.fixture
def world(tmp_path):
    """Runs an async test function with a World and closes the store."""

    def run(test) -> None:
        async def main() -> None:
            w = World(tmp_path)
            try:
                await test(w)
            finally:
                await w.store.close()

        asyncio.run(main())

    return run


def test_first_contact_reads_the_whole_tree(world):
    """After one session the twin equals the device: names, values, types, writability."""

    async def test(w: World) -> None:
        await w.contact()
        twin = await w.store.twin((await w.device()).key)
        stored = {p.path: [p.text, p.type, p.writable] for p in twin.parameters()}
        assert stored == w.cpe.tree
        assert twin.objects()["Device.NAT.PortMapping."] is True
        assert (await w.store.stats())["with_full_tree"] == 1

    world(test)


def test_batches_shrink_to_what_the_device_bears_and_are_remembered(world):
    """A device that refuses more than three values at once is still read whole, and its model is remembered."""

    async def test(w: World) -> None:
        w.cpe.max_values = 3
        await w.contact()
        twin = await w.store.twin((await w.device()).key)
        assert {p.path for p in twin.parameters() if p.text is not None} == set(w.cpe.tree)
        assert w.quirks.of("m").batch <= 3

    world(test)


def test_set_is_executed_once_and_verified(world):
    async def test(w: World) -> None:
        await w.contact()
        command = await w.submit("set", {"values": {"Device.WiFi.Radio.1.Channel": "11"}})
        await w.contact()
        stored = await w.outcome(command.id)
        assert (stored.state, stored.verified) == ("done", True)
        assert [name for name, _ in w.cpe.executed].count("SetParameterValues") == 1
        request = next(m for m in w.sent if m.name == "SetParameterValues")
        assert request.body.values == (("Device.WiFi.Radio.1.Channel", "11", "unsignedInt"),)

    world(test)


@pytest.mark.parametrize("executed", [True, False])
def test_a_lost_answer_is_resolved_by_parameter_key(world, executed):
    """The server dies (or TCP breaks) after SetParameterValues left: executed once, whether it arrived or not."""

    async def test(w: World) -> None:
        await w.contact()
        command = await w.submit("set", {"values": {"Device.WiFi.Radio.1.Channel": "11"}})
        await w.open()
        request = await w.post(EMPTY)
        assert request.name == "SetParameterValues"
        assert (await w.outcome(command.id)).state == "sent"
        if executed:
            w.cpe.answer(request)
        await w.drive(_reply_after(w.session.lost()))
        await w.contact()
        stored = await w.outcome(command.id)
        assert (stored.state, stored.verified) == ("done", True)
        assert [name for name, _ in w.cpe.executed].count("SetParameterValues") == 1

    world(test)


def _reply_after(steps):
    yield from steps
    return Reply(204)


@pytest.mark.parametrize("executed", [True, False])
def test_an_empty_post_in_place_of_the_answer(world, executed):
    """The probe reads ParameterKey in the same session; nothing is executed twice, nothing is lost."""

    async def test(w: World) -> None:
        await w.contact()
        command = await w.submit("set", {"values": {"Device.WiFi.Radio.1.Channel": "11"}})
        await w.open()
        request = await w.post(EMPTY)
        if executed:
            w.cpe.answer(request)
        request = await w.post(EMPTY)
        assert request.name == "GetParameterValues"
        while request is not None:
            request = await w.post(w.cpe.answer(request))
        await w.contact()
        stored = await w.outcome(command.id)
        assert (stored.state, stored.verified) == ("done", True)
        assert [name for name, _ in w.cpe.executed].count("SetParameterValues") == 1

    world(test)


def test_a_device_that_answers_one_post_late(world):
    """Answers are matched by ID, one POST late, for every RPC of the session."""

    async def test(w: World) -> None:
        await w.contact()
        command = await w.submit("set", {"values": {"Device.WiFi.Radio.1.Channel": "11"}})
        await w.open()
        request = await w.post(EMPTY)
        late: Message | None = None
        for _ in range(40):
            if request is None:
                break
            answer = w.cpe.answer(request)
            request = await w.post(late or EMPTY)
            late = answer
        else:
            raise AssertionError("the session does not end")
        stored = await w.outcome(command.id)
        assert (stored.state, stored.verified) == ("done", True)
        assert [name for name, _ in w.cpe.executed].count("SetParameterValues") == 1

    world(test)


@pytest.mark.parametrize("ids", [None, "", "wrong"])
def test_wrong_or_missing_ids_fall_back_to_the_one_outstanding_request(world, ids):
    async def test(w: World) -> None:
        await w.open()
        request = await w.post(EMPTY)
        while request is not None:
            answer = w.cpe.answer(request)
            request = await w.post(Message(name=answer.name, id=ids, namespace=NS, body=answer.body))
        assert (await w.store.stats())["with_full_tree"] == 1

    world(test)


def test_add_and_delete_rows(world):
    """AddObject numbers the row, fills it and reads it back; DeleteObject is verified by its absence."""

    async def test(w: World) -> None:
        await w.contact()
        command = await w.submit("add", {"table": "Device.NAT.PortMapping.", "values": {"ExternalPort": "8080"}})
        await w.contact()
        stored = await w.outcome(command.id)
        assert (stored.state, stored.verified) == ("done", True), stored
        assert stored.result["path"] == "Device.NAT.PortMapping.2."
        twin = await w.store.twin((await w.device()).key)
        assert twin.get("Device.NAT.PortMapping.2.ExternalPort").text == "8080"
        command = await w.submit("delete", {"path": "Device.NAT.PortMapping.2."})
        await w.contact()
        stored = await w.outcome(command.id)
        assert (stored.state, stored.verified) == ("done", True)
        twin = await w.store.twin((await w.device()).key)
        assert twin.get("Device.NAT.PortMapping.2.ExternalPort") is None

    world(test)


def test_a_lost_add_is_found_again(world):
    """AddObject was executed, its answer lost: no second row, and the values still get in."""

    async def test(w: World) -> None:
        await w.contact()
        command = await w.submit("add", {"table": "Device.NAT.PortMapping.", "values": {"ExternalPort": "8080"}})
        await w.open()
        request = await w.post(EMPTY)
        assert request.name == "AddObject"
        w.cpe.answer(request)
        await w.drive(_reply_after(w.session.lost()))
        await w.contact()
        stored = await w.outcome(command.id)
        assert (stored.state, stored.verified) == ("done", True), stored
        assert [name for name, _ in w.cpe.executed].count("AddObject") == 1
        assert w.cpe.tree["Device.NAT.PortMapping.2.ExternalPort"][0] == "8080"

    world(test)


@pytest.mark.parametrize("kind", ["reboot", "factory-reset"])
@pytest.mark.parametrize("answered", [True, False])
def test_restarts_are_done_when_the_device_says_so(world, kind, answered):
    async def test(w: World) -> None:
        await w.contact()
        command = await w.submit(kind, {})
        await w.open()
        request = await w.post(EMPTY)
        answer = w.cpe.answer(request)
        if answered:
            assert await w.post(answer) is None
            assert (await w.outcome(command.id)).state == "verifying"
        else:
            await w.drive(_reply_after(w.session.lost()))
        await w.contact()
        stored = await w.outcome(command.id)
        assert (stored.state, stored.verified) == ("done", True)
        assert len([n for n, _ in w.cpe.executed if n in ("Reboot", "FactoryReset")]) == 1

    world(test)


def test_a_fault_is_a_failure_with_its_reason(world):
    async def test(w: World) -> None:
        await w.contact()
        command = await w.submit("set", {"values": {"Device.WiFi.Radio.7.Channel": "11"}})
        await w.contact()
        stored = await w.outcome(command.id)
        assert stored.state == "failed"

    world(test)


def test_preconditions_and_verification_expressions(world):
    async def test(w: World) -> None:
        await w.contact()
        no = await w.submit(
            "set", {"values": {"Device.WiFi.Radio.1.Channel": "11"}}, condition="Device.WiFi.Radio.1.Channel == 1"
        )
        yes = await w.submit(
            "set",
            {"values": {"Device.WiFi.Radio.1.Channel": "11"}},
            condition="Device.WiFi.Radio.1.Channel == 6 && Device.WiFi.Radio.1.Enable == true",
            verify='Device.DeviceInfo.ModelName == "M1"',
        )
        wrong = await w.submit(
            "set", {"values": {"Device.WiFi.Radio.1.Channel": "1"}}, verify='Device.DeviceInfo.ModelName == "M2"'
        )
        await w.contact()
        assert (await w.outcome(no.id)).state == "failed"
        assert "precondition" in str((await w.outcome(no.id)).result)
        assert (await w.outcome(yes.id)).verified is True
        assert ((await w.outcome(wrong.id)).state, (await w.outcome(wrong.id)).verified) == ("failed", False)

    world(test)


def test_secrets_verify_as_unreadable_and_are_stored_sealed(world):
    async def test(w: World) -> None:
        await w.contact()
        path = "Device.WiFi.AccessPoint.1.Security.KeyPassphrase"
        command = await w.submit("set", {"values": {path: "correct horse"}})
        assert b"correct horse" not in (await w.outcome(command.id)).body
        await w.contact()
        stored = await w.outcome(command.id)
        assert (stored.state, stored.verified) == ("done", "unreadable")
        request = next(m for m in w.sent if m.name == "SetParameterValues")
        assert request.body.values[0][1] == "correct horse"

    world(test)


def test_commands_go_out_in_their_order_and_cancelled_ones_do_not(world):
    async def test(w: World) -> None:
        await w.contact()
        ids = [(await w.submit("set", {"values": {"Device.WiFi.Radio.1.Channel": str(n)}})).id for n in (1, 2, 3)]
        await w.queue.cancel(ids[1], "test")
        await w.contact()
        sent = [m.body.values[0][1] for m in w.sent if m.name == "SetParameterValues"]
        assert sent == ["1", "3"]
        assert [(await w.outcome(id)).state for id in ids] == ["done", "cancelled", "done"]

    world(test)


def test_an_expired_command_is_never_sent(world):
    async def test(w: World) -> None:
        await w.contact()
        known = await w.device()
        command = await w.queue.submit(
            known,
            Command(kind="set", args={"values": {"Device.WiFi.Radio.1.Channel": "1"}}),
            actor="t",
            expires_in=1000,
        )
        w.clock.advance(2000)
        await w.contact()
        assert not [m for m in w.sent if m.name == "SetParameterValues"]
        assert [c.id for c in await w.queue.expire()] == [command.id]
        assert (await w.outcome(command.id)).state == "expired"

    world(test)


def test_requests_of_the_cpe_are_answered_in_every_state(world):
    """TransferComplete before the empty POST, beside an outstanding RPC, and after our 204."""

    async def test(w: World) -> None:
        complete = Message(name="TransferComplete", id="t", namespace=NS, body=messages.TransferComplete("k"))
        unknown = Message(name="Frobnicate", id="f", namespace=NS, body=messages.UnknownRpc())
        await w.open()
        assert (await w.post(complete)).name == "TransferCompleteResponse"
        assert (await w.post(unknown)).body.code == 8000
        request = await w.post(EMPTY)
        assert (await w.post(complete)).name == "TransferCompleteResponse"
        while request is not None:
            request = await w.post(w.cpe.answer(request))
        assert w.session.state is State.ENDED
        assert (await w.post(complete)).name == "TransferCompleteResponse"
        events, _ = await w.store.events()
        assert [e.kind for e in events].count("transfer") == 3

    world(test)


def test_credentials_come_before_everything_else(world):
    async def test(w: World) -> None:
        for name in ("Username", "Password", "ConnectionRequestUsername", "ConnectionRequestPassword"):
            w.cpe.tree[f"Device.ManagementServer.{name}"] = ["", "string", True]
        await w.contact(renew=True)
        assert w.sent[0].name == "SetParameterValues"
        assert w.cpe.tree["Device.ManagementServer.Username"][0] == "u"

    world(test)


def test_a_session_that_breaks_in_discovery_keeps_what_it_read(world):
    """The next session starts over, and the partial twin was readable meanwhile."""

    async def test(w: World) -> None:
        await w.open()
        request = await w.post(EMPTY)
        request = await w.post(w.cpe.answer(request))
        assert request.name == "GetParameterValues"
        await w.drive(_reply_after(w.session.lost()))
        twin = await w.store.twin((await w.device()).key)
        assert twin.get("Device.WiFi.Radio.1.Channel").text is None
        assert (await w.store.stats())["with_full_tree"] == 0
        await w.contact()
        assert (await w.store.stats())["with_full_tree"] == 1

    world(test)


def test_sweeps_follow_the_policy(world):
    """Nothing is read before it is due; then what became too old is."""

    async def test(w: World) -> None:
        await w.contact()
        w.sent.clear()
        w.clock.advance(3600_000)
        await w.contact()
        assert w.sent == []
        w.clock.advance(24 * 3600_000)
        w.cpe.tree["Device.WiFi.Radio.1.Channel"][0] = "9"
        await w.contact()
        assert {m.name for m in w.sent} == {"GetParameterValues"}
        twin = await w.store.twin((await w.device()).key)
        assert twin.get("Device.WiFi.Radio.1.Channel").text == "9"
        w.sent.clear()
        await w.contact()
        assert w.sent == []

    world(test)


def test_a_request_too_large_for_the_event_log_is_refused_not_cut(world):
    """What is acknowledged is kept whole; a device cannot fill the log with one message."""

    async def test(w: World) -> None:
        await w.open()
        huge = messages.TransferComplete("k", start_time="x" * (MAX_NOTE + 1))
        answer = await w.post(Message(name="TransferComplete", id="t", namespace=NS, body=huge))
        assert answer.body.code == 8004
        events, _ = await w.store.events()
        assert "transfer" not in [event.kind for event in events]

    world(test)
