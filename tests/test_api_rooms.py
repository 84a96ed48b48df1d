"""What REST promises beyond its form: values with their age, secrets, commands, permissions, paging, events."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest
from api_world import NEVER_READ, ONLINE, T0, World, in_world

from cpetwin.clock import HOUR, SystemClock, iso
from cpetwin.twin.identity import DeviceId
from cpetwin.twin.report import CommandUpdate, Observations, Report

SECRET = "Device.WiFi.AccessPoint.1.Security.KeyPassphrase"


def test_every_value_has_a_state_and_an_age(tmp_path: Path) -> None:
    """known, never-read, unsupported and secret are different words; the age counts from the last report."""

    async def test(world: World) -> None:
        paths = ["Device.WiFi.Radio.1.Channel", NEVER_READ, "Device.Nope", SECRET, "Device.DeviceInfo.Description"]
        _, lines, response = await world.call(
            "GET", "/api/v1/devices/SN1/twin/values", params=[("path", p) for p in paths]
        )
        assert [line["state"] for line in lines] == ["known", "never-read", "unsupported", "secret", "known"]
        assert [line["value"] for line in lines] == ["6", None, None, "***", ""]
        assert lines[0]["age_s"] == 7200 and lines[0]["observed_at"] == iso(T0 - 2 * HOUR)
        assert response.headers["ETag"] == f'"{(await world.store.device(world.online.key)).revision}"'
        _, lines, _ = await world.call("GET", "/api/v1/devices/SN3/twin/values?path=Device.X")
        assert lines[0]["state"] == "never-read", "a device that was never read may still have it"

    in_world(tmp_path, test)


def test_objects_and_wildcards_give_all_they_stand_for(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        for path, number in (("Device.WiFi.Radio.", 2), ("Device.WiFi.Radio.*.Channel", 2), ("Device.WiFi.*.", 0)):
            _, lines, _ = await world.call("GET", "/api/v1/devices/SN1/twin/values", params={"path": path})
            assert sum(line["state"] == "known" for line in lines) == number, path

    in_world(tmp_path, test)


def test_secrets_need_their_permission_and_leave_a_trace(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        noc = await world.token("noc")
        _, export, _ = await world.call("GET", "/api/v1/devices/SN1/twin?native=true")
        assert export["parameters"][SECRET]["value"] == "***"
        status, body, _ = await world.call("GET", "/api/v1/devices/SN1/twin?secrets=true", token=noc)
        assert status == 403 and "secrets" in body["error"]["message"]
        _, export, _ = await world.call("GET", "/api/v1/devices/SN1/twin?native=true&secrets=true")
        assert export["parameters"][SECRET]["value"] == "correct horse"
        _, audit, _ = await world.call("GET", "/api/v1/audit?reads=true")
        assert [line["subject"] for line in audit if line["action"] == "twin.secrets"] == [world.online.id]

    in_world(tmp_path, test)


def test_a_secret_in_a_command_is_shown_nowhere(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        wish = {"kind": "set", "args": {"values": {SECRET: "battery staple"}}}
        _, queued, _ = await world.call("POST", "/api/v1/devices/SN1/commands", json=wish)
        assert queued["args"]["values"] == {SECRET: "***"}
        reply = CommandUpdate(queued["id"], ("queued",), "sent", result={"values": {SECRET: "battery staple"}})
        await world.store.update_command(reply, T0)
        seen = [
            (await world.call("GET", path))[1]
            for path in (f"/api/v1/commands/{queued['id']}", "/api/v1/commands", "/api/v1/audit?reads=true",
                         "/api/v1/devices/SN1/twin/history", "/api/v1/devices/SN1")
        ]  # fmt: skip
        assert "battery staple" not in str(seen)
        async with world.client.get("/api/v1/events", headers={"Authorization": f"Bearer {world.owner}",
                                                                "Accept": "application/json"}) as response:  # fmt: skip
            assert "battery staple" not in await response.text()

    in_world(tmp_path, test)


def test_the_same_key_queues_once_and_another_wish_conflicts(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        wish = {"kind": "set", "args": {"values": {"Device.WiFi.Radio.1.Channel": "11"}}, "key": "k1"}
        first = (await world.call("POST", "/api/v1/devices/SN1/commands", json=wish))[1]
        again = (await world.call("POST", "/api/v1/devices/SN1/commands", json=wish))[1]
        assert first["id"] == again["id"]
        other = {**wish, "args": {"values": {"Device.WiFi.Radio.1.Channel": "1"}}}
        assert (await world.call("POST", "/api/v1/devices/SN1/commands", json=other))[0] == 409
        by_header = {name: part for name, part in other.items() if name != "key"}
        headers = {"Idempotency-Key": "k1"}
        assert (await world.call("POST", "/api/v1/devices/SN1/commands", json=by_header, headers=headers))[0] == 409
        assert len((await world.call("GET", "/api/v1/commands?device=SN1"))[1]) == 1

    in_world(tmp_path, test)


def test_waiting_for_a_command_ends_when_it_ends(tmp_path: Path) -> None:
    """A long poll answers as soon as the command is final, not when its time is over."""

    async def test(world: World) -> None:
        _, queued, response = await world.call("POST", "/api/v1/devices/SN1/commands", json={"kind": "reboot"})
        assert response.headers["Location"] == f"/api/v1/commands/{queued['id']}"
        waiting = asyncio.create_task(world.call("GET", f"/api/v1/commands/{queued['id']}?wait=60"))
        await world.call("GET", "/healthz")
        await world.call("POST", f"/api/v1/commands/{queued['id']}/cancel")
        _, ended, _ = await asyncio.wait_for(waiting, 20)
        assert ended["state"] == "cancelled" and ended["next_contact"] is None

    in_world(tmp_path, test)


def test_own_commands_only_unless_one_may_manage(tmp_path: Path) -> None:
    """l1 may queue a reboot and take it back, not a factory reset and not what others queued."""

    async def test(world: World) -> None:
        l1 = await world.token("l1")
        _, theirs, _ = await world.call("POST", "/api/v1/devices/SN1/commands", json={"kind": "reboot"})
        assert (await world.call("POST", f"/api/v1/commands/{theirs['id']}/cancel", token=l1))[0] == 403
        reset = {"kind": "factory-reset"}
        assert (await world.call("POST", "/api/v1/devices/SN1/commands", json=reset, token=l1))[0] == 403
        _, own, _ = await world.call("POST", "/api/v1/devices/SN1/commands", json={"kind": "reboot"}, token=l1)
        assert (await world.call("POST", f"/api/v1/commands/{own['id']}/cancel", token=l1))[0] == 200
        mine = (await world.call("GET", "/api/v1/commands?mine=true", token=l1))[1]
        assert [command["id"] for command in mine] == [own["id"]]

    in_world(tmp_path, test)


def test_who_may_not_see_the_inventory_cannot_find_or_sort_by_it(tmp_path: Path) -> None:
    """Neither shown, nor selected, nor sorted by, nor confirmed by a search."""

    async def test(world: World) -> None:
        firmware = await world.token("firmware")
        shown = (await world.call("GET", "/api/v1/devices/SN2", token=firmware))[1]
        assert shown["inventory"] == {"region": "north"} and shown["home"] is None
        assert "home" not in (await world.call("GET", "/api/v1/devices", token=firmware))[1]["columns"]
        for query in ("columns=id,home", "sort=phone", "where=home+==+home-7"):
            assert (await world.call("GET", f"/api/v1/devices?{query}", token=firmware))[0] == 403, query
        assert (await world.call("GET", "/api/v1/search?q=960007", token=firmware))[1]["rows"] == []
        assert len((await world.call("GET", "/api/v1/search?q=SN2", token=firmware))[1]["rows"]) == 1

    in_world(tmp_path, test)


def test_lists_page_by_cursor_without_gaps(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        for number in range(20):
            await world.store.enrol(DeviceId("0A0B0C", "", f"P{number}"), T0, "cwmp")
        seen: list[str] = []
        cursor: str | None = None
        while True:
            query = {"limit": "7", "columns": "id", "sort": "-id"} | ({"cursor": cursor} if cursor else {})
            _, page, _ = await world.call("GET", "/api/v1/devices", params=query)
            seen += [row[0] for row in page["rows"]]
            assert page["total"] == 23
            if (cursor := page["next"]) is None:
                break
        assert len(seen) == len(set(seen)) == 23
        assert len((await world.call("GET", "/api/v1/devices?limit=0"))[1]["rows"]) == 23
        _, some, _ = await world.call("GET", "/api/v1/devices", params={"where": 'region == "north" && model == H199A'})
        assert some["total"] == 1

    in_world(tmp_path, test)


def test_an_id_is_understood_however_it_was_put_into_the_url(tmp_path: Path) -> None:
    """Escaped as it should be, or pasted as it is printed."""

    async def test(world: World) -> None:
        for written in ("001122-EC220%252DG5-SN1", "001122-EC220%2DG5-SN1", "SN1", "001122-SN1", "001122-EC"):
            status, shown, _ = await world.call("GET", f"/api/v1/devices/{written}")
            assert status == 200 and shown["id"] == ONLINE.text, written

    in_world(tmp_path, test)


def test_tags_approval_and_forgetting(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        revision = world.online.revision
        match = {"If-Match": f'"{revision}"'}
        _, shown, _ = await world.call(
            "PATCH", "/api/v1/devices/SN1", json={"tags": {"a": "1", "b": "2"}}, headers=match
        )
        assert shown["tags"] == {"a": "1", "b": "2"}
        _, shown, _ = await world.call("PATCH", "/api/v1/devices/SN1", json={"tags": {"a": None}})
        assert shown["tags"] == {"b": "2"}
        assert (await world.call("GET", "/api/v1/devices?where=tag.b+==+2&columns=id,tag.b"))[1]["rows"][0][1] == "2"
        assert (await world.call("POST", "/api/v1/devices/SN1/deny"))[1]["state"] == "denied"
        assert (await world.call("POST", "/api/v1/devices/SN1/commands", json={"kind": "reboot"}))[0] == 409
        assert (await world.call("POST", "/api/v1/devices/SN1/approve"))[1]["state"] == "active"
        assert (await world.call("DELETE", "/api/v1/devices/SN1"))[0] == 200
        assert (await world.call("GET", "/api/v1/devices/SN1"))[0] == 404
        actions = [line["action"] for line in (await world.call("GET", "/api/v1/audit"))[1]]
        assert {"device.tag", "device.deny", "device.approve", "device.forget"} <= set(actions)
        assert (await world.call("GET", "/api/v1/audit/verify"))[1]["ok"] is True

    in_world(tmp_path, test)


def test_inventory_names_bad_rows_by_line(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        csv = b"serial,oui,home,colour\nSN1,001122,home-1,red\n,001122,home-2,\nNEW,001122,home-3,\n"
        headers = {"Content-Type": "text/csv"}
        _, done, _ = await world.call("POST", "/api/v1/inventory?name=homes.csv", data=csv, headers=headers)
        assert (done["created"], done["updated"]) == (1, 1)
        assert [error["line"] for error in done["errors"]] == [3] and len(done["unknown_columns"]) == 1
        _, done, _ = await world.call("POST", "/api/v1/inventory", data=csv, headers=headers)
        assert (done["created"], done["updated"], done["unchanged"]) == (0, 0, 2)
        assert (await world.call("GET", "/api/v1/search?q=home-3"))[1]["total"] == 1

    in_world(tmp_path, test)


def test_events_stream_and_resume(tmp_path: Path) -> None:
    """The stream gives what was there, then what happens; its ids resume it without loss."""

    async def test(world: World) -> None:
        headers = {"Authorization": f"Bearer {world.owner}"}
        seen, cursor = [], ""
        async with world.client.get("/api/v1/events", headers=headers) as stream:
            assert stream.content_type == "text/event-stream"
            while not cursor:
                line = (await stream.content.readline()).decode().strip()
                if line.startswith("event: ") and line != "event: cursor":
                    seen.append(line.removeprefix("event: "))
                cursor = line.removeprefix("id: ") if line.startswith("id: ") else ""
        assert seen.count("enrolled") == 3
        await world.store.commit(
            Report(device=world.online.key, at=T0, inform=Observations(["Device.X"], ["new"], ["string"]))
        )
        resumed = {**headers, "Last-Event-ID": cursor}
        async with world.client.get("/api/v1/events?where=id+==+nobody", headers=resumed) as stream:
            assert (await stream.content.readline()).startswith(b"id: "), "what was filtered out moves the cursor"
        async with world.client.get("/api/v1/events", headers=resumed) as stream:
            await stream.content.readline()
            event = msgspec.json.decode((await stream.content.readline()).removeprefix(b"data: "))
        assert event["device"] == world.online.id and event["kind"] == "session"

    in_world(tmp_path, test)


def test_a_one_time_password_allows_to_look_and_to_change_it(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        _, login, _ = await world.call(
            "POST", "/api/v1/login", token=None, json={"user": "admin", "password": world.password}
        )
        token = login["token"]
        assert login["must_change"] and (await world.call("GET", "/api/v1/devices", token=token))[0] == 200
        assert (await world.call("GET", "/api/v1/enrol", token=token))[0] == 403
        body = {"old": world.password, "new": "correct horse battery"}
        assert (await world.call("POST", "/api/v1/me/password", json=body, token=token))[0] == 200
        assert (await world.call("GET", "/api/v1/enrol", token=token))[0] == 200
        assert (await world.call("POST", "/api/v1/logout", token=token))[0] == 200
        assert (await world.call("GET", "/api/v1/devices", token=token))[0] == 401

    in_world(tmp_path, test)


def test_guessing_passwords_is_slowed_down(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        guess = {"user": "admin", "password": "guess"}
        answers = [await world.call("POST", "/api/v1/login", token=None, json=guess) for _ in range(8)]
        assert answers[-1][0] == 429 and int(answers[-1][2].headers["Retry-After"]) > 0

    in_world(tmp_path, test, populate=False)


def test_a_stream_ends_when_its_token_is_revoked(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        _, made, _ = await world.call("POST", "/api/v1/tokens", json={})
        async with world.client.get("/api/v1/events", headers={"Authorization": f"Bearer {made['token']}"}) as stream:
            await stream.content.readline()
            await world.call("DELETE", f"/api/v1/tokens/{made['id']}")
            rest = await asyncio.wait_for(stream.content.read(), 20)
            assert b"error" not in rest

    in_world(tmp_path, test)


def test_a_body_that_does_not_come_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cpetwin.api.routes.BODY_S", 0.05)

    async def test(world: World) -> None:
        host, port = world.client.host, world.client.port
        reader, writer = await asyncio.open_connection(host, port)
        head = "POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
        writer.write(head.encode())
        assert b" 408 " in await asyncio.wait_for(reader.readline(), 20)
        writer.close()

    in_world(tmp_path, test, populate=False)


def test_the_domain_clock_moves_only_when_it_is_manual(tmp_path: Path) -> None:
    """Moving it is audited and seen by everything that tells the time; a server on real time answers 404."""

    async def test(world: World) -> None:
        status, moved, _ = await world.call("POST", "/api/v1/clock/advance", json={"seconds": 8 * 3600})
        assert status == 200 and moved["before"] < moved["now"]
        _, said, _ = await world.call("GET", "/api/v1/status")
        assert said["now"] == moved["now"]
        assert (await world.call("POST", "/api/v1/clock/advance", json={"seconds": -1}))[0] == 400
        _, audit, _ = await world.call("GET", "/api/v1/audit")
        assert "clock.advance" in str(audit)
        object.__setattr__(world.services, "clock", SystemClock())
        assert (await world.call("POST", "/api/v1/clock/advance", json={"seconds": 1}))[0] == 404

    in_world(tmp_path, test)
