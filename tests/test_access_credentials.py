"""CPE credentials: whose username it is, two-phase rotation, binding, and that only sealed bytes are stored."""

from __future__ import annotations

import asyncio

import pytest
from fakes import FakeStore

from cpetwin.access.cpe import REALM, ha1
from cpetwin.access.credentials import MAX_GENERATIONS, Credentials, Login, preset_bootstrap
from cpetwin.access.secrets import KeyWrong, SecretBox
from cpetwin.clock import ManualClock
from cpetwin.errors import BadInput, Conflict

ME, OTHER = "001122-SN1", "001122-SN2"
BOX = SecretBox(bytes(32))


def opened(store: FakeStore, runner: asyncio.Runner, **more: int) -> Credentials:
    credentials = Credentials(store, BOX, ManualClock(1), **more)
    runner.run(credentials.prepare(("boot", "boot-password")))
    return credentials


@pytest.fixture
def credentials(store: FakeStore, runner: asyncio.Runner) -> Credentials:
    return opened(store, runner)


async def accepts(credentials: Credentials, login: Login) -> int | None:
    """The generation that username and password prove, as a wire room would find it."""
    principal = await credentials.lookup(login.username)
    return principal.basic(login.password) if principal else None


async def use(credentials: Credentials, login: Login) -> None:
    principal = await credentials.lookup(login.username)
    assert principal is not None
    generation = principal.basic(login.password)
    assert generation is not None
    await credentials.used(principal, generation)


def test_ha1_is_that_of_rfc_2617() -> None:
    assert REALM == "cpetwin"
    assert ha1("Mufasa", "Circle Of Life") == "3e19a54e0fe66a08df9def4c17b47334"


# -- bootstrap


def test_the_bootstrap_credential_is_made_once(store: FakeStore, runner: asyncio.Runner) -> None:
    first = runner.run(Credentials(store, BOX, ManualClock(1)).prepare())
    again = runner.run(Credentials(store, BOX, ManualClock(2)).prepare())
    assert first == again
    assert len(first.password) >= 20
    assert first.password.encode() not in store.everything()
    assert [entry.action for entry in store.audited] == ["cpe.bootstrap-set"]


def test_a_preset_replaces_it_and_the_old_one_stops(store: FakeStore, runner: asyncio.Runner) -> None:
    credentials = opened(store, runner)
    assert runner.run(credentials.lookup("boot")) is not None
    runner.run(credentials.prepare(("boot2", "other")))
    assert runner.run(credentials.lookup("boot")) is None
    principal = runner.run(credentials.lookup("boot2"))
    assert principal is not None
    assert (principal.kind, principal.identity, principal.basic("other"), principal.basic("boot-password")) == (
        "bootstrap", "", 0, None,
    )  # fmt: skip


def test_a_half_preset_is_refused() -> None:
    assert preset_bootstrap(None, "") is None
    assert preset_bootstrap("a", "b") == ("a", "b")
    for pair in (("a", None), (None, "b"), ("a:b", "c"), ("a", "x" * 257), ("a\n", "b")):
        with pytest.raises(BadInput):
            preset_bootstrap(*pair)


# -- a device's own


def test_old_and_new_are_valid_until_the_device_uses_the_new_one(
    credentials: Credentials, runner: asyncio.Runner
) -> None:
    async def story() -> None:
        first = await credentials.rotate(ME)
        await use(credentials, first)
        second = await credentials.rotate(ME)
        assert second.username == first.username
        assert (await accepts(credentials, first), await accepts(credentials, second)) == (1, 2)
        await use(credentials, first)
        assert await accepts(credentials, second) == 2, "using the old one settles nothing"
        await use(credentials, second)
        assert (await accepts(credentials, first), await accepts(credentials, second)) == (None, 2)

    runner.run(story())


def test_a_principal_names_its_device_newest_secret_first(credentials: Credentials, runner: asyncio.Runner) -> None:
    async def story() -> None:
        first, second = await credentials.rotate(ME), await credentials.rotate(ME)
        principal = await credentials.lookup(ME)
        assert principal is not None
        assert (principal.kind, principal.identity, principal.settled) == ("device", ME, 0)
        assert principal.secrets == ((ha1(*second), 2), (ha1(*first), 1))
        assert ha1(*second) not in repr(principal)
        assert second.password not in repr(second)

    runner.run(story())


def test_rotations_that_never_arrive_do_not_pile_up_nor_end_the_one_in_use(
    credentials: Credentials, runner: asyncio.Runner
) -> None:
    async def story() -> None:
        first = await credentials.rotate(ME)
        await use(credentials, first)
        for _ in range(10):
            last = await credentials.rotate(ME)
        principal = await credentials.lookup(ME)
        assert principal is not None
        assert len(principal.secrets) == MAX_GENERATIONS
        assert await accepts(credentials, first) == 1
        assert await accepts(credentials, last) == 11

    runner.run(story())


def test_a_settled_credential_costs_no_read_and_no_write(
    credentials: Credentials, store: FakeStore, runner: asyncio.Runner
) -> None:
    async def story() -> None:
        login = await credentials.rotate(ME)
        await use(credentials, login)
        await use(credentials, login)
        before = (store.reads, store.writes)
        for _ in range(10):
            await use(credentials, login)
        assert (store.reads, store.writes) == before
        assert credentials.cached(ME) is await credentials.lookup(ME)

    runner.run(story())


def test_proven_means_used_and_a_reset_device_may_start_again(credentials: Credentials, runner: asyncio.Runner) -> None:
    async def story() -> None:
        assert not await credentials.is_proven(ME)
        first = await credentials.rotate(ME)
        assert not await credentials.is_proven(ME)
        await use(credentials, first)
        assert await credentials.is_proven(ME)
        await credentials.reopen(ME)
        assert not await credentials.is_proven(ME)
        assert await accepts(credentials, first) == 1, "the right device is not locked out"
        second = await credentials.rotate(ME)
        assert not await credentials.is_proven(ME)
        await use(credentials, second)
        assert await credentials.is_proven(ME)

    runner.run(story())


def test_the_right_device_closes_what_a_pretender_opened(credentials: Credentials, runner: asyncio.Runner) -> None:
    async def story() -> None:
        login = await credentials.rotate(ME)
        await use(credentials, login)
        await credentials.reopen(ME)
        await use(credentials, login)
        assert await credentials.is_proven(ME)

    runner.run(story())


def test_unknown_and_impossible_usernames_are_nobodys_and_not_remembered(
    credentials: Credentials, store: FakeStore, runner: asyncio.Runner
) -> None:
    reads = store.reads
    for username in ("", "x" * 257, "a\x00", "\ud800"):
        assert runner.run(credentials.lookup(username)) is None
    assert store.reads == reads
    assert runner.run(credentials.lookup("nobody")) is None
    assert credentials.cached("nobody") is None


def test_the_cache_is_bounded(store: FakeStore, runner: asyncio.Runner) -> None:
    credentials = opened(store, runner, cache_size=10)

    async def story() -> int:
        for i in range(30):
            login = await credentials.rotate(f"001122-{i}")
            await credentials.lookup(login.username)
        return sum(credentials.cached(f"001122-{i}") is not None for i in range(30))

    assert runner.run(story()) == 10


def test_what_another_process_changed_is_seen_by_a_fresh_lookup(
    credentials: Credentials, store: FakeStore, runner: asyncio.Runner
) -> None:
    async def story() -> None:
        await credentials.rotate(ME)
        await credentials.lookup(ME)
        other = Credentials(store, BOX, ManualClock(1))
        await other.prepare()
        new = await other.rotate(ME)
        assert await accepts(credentials, new) is None
        principal = await credentials.lookup(ME, fresh=True)
        assert principal is not None
        assert principal.basic(new.password) == 2

    runner.run(story())


def test_a_lookup_during_a_rotation_leaves_nothing_stale(credentials: Credentials, runner: asyncio.Runner) -> None:
    async def story() -> None:
        await credentials.rotate(ME)
        _, new = await asyncio.gather(credentials.lookup(ME), credentials.rotate(ME))
        assert await accepts(credentials, new) == 2

    runner.run(story())


def test_rotations_at_the_same_time_get_different_generations(credentials: Credentials, runner: asyncio.Runner) -> None:
    async def story() -> None:
        logins = await asyncio.gather(*(credentials.rotate(ME) for _ in range(3)))
        assert sorted([await accepts(credentials, login) or 0 for login in logins]) == [1, 2, 3]

    runner.run(story())


# -- pre-shared


def test_a_preshared_credential_works_and_the_former_until_it_is_used(
    credentials: Credentials, runner: asyncio.Runner
) -> None:
    async def story() -> None:
        old = await credentials.rotate(ME)
        await use(credentials, old)
        assert await credentials.set_preshared(ME, "sim-1", "pw")
        new = Login("sim-1", "pw")
        assert await accepts(credentials, old) is not None
        await use(credentials, new)
        assert await accepts(credentials, old) is None
        assert await credentials.lookup(old.username) is None, "the former username is free again"
        assert (await credentials.rotate(ME)).username == "sim-1"

    runner.run(story())


def test_importing_again_changes_nothing_even_after_a_rotation(
    credentials: Credentials, store: FakeStore, runner: asyncio.Runner
) -> None:
    async def story() -> None:
        await credentials.set_preshared(ME, "sim-1", "pw")
        new = await credentials.rotate(ME)
        await use(credentials, new)
        writes = store.writes
        assert not await credentials.set_preshared(ME, "sim-1", "pw")
        assert store.writes == writes
        assert await accepts(credentials, Login("sim-1", "pw")) is None

    runner.run(story())


def test_a_username_belongs_to_one_device(credentials: Credentials, store: FakeStore, runner: asyncio.Runner) -> None:
    async def story() -> None:
        await credentials.set_preshared(ME, "shared", "pw")
        with pytest.raises(Conflict, match=ME):
            await credentials.set_preshared(OTHER, "shared", "pw")
        with pytest.raises(Conflict, match="bootstrap"):
            await credentials.set_preshared(OTHER, "boot", "pw")
        outcomes = await asyncio.gather(
            *(credentials.set_preshared(f"001122-{i}", "wanted", "pw") for i in range(5)), return_exceptions=True
        )
        assert outcomes.count(True) == 1
        with pytest.raises(Conflict):
            await Credentials(store, BOX, ManualClock(1)).prepare(("shared", "pw"))
        await credentials.set_preshared(OTHER, "001122-X", "pw")
        assert (await credentials.rotate("001122-X")).username.startswith("001122-X-"), "a taken name is evaded"

    runner.run(story())


def test_very_long_identities_get_a_short_username(credentials: Credentials, runner: asyncio.Runner) -> None:
    assert len(runner.run(credentials.rotate("001122-" + "%C3%A4" * 64)).username) <= 64


def test_forgetting_a_device_frees_everything(
    credentials: Credentials, store: FakeStore, runner: asyncio.Runner
) -> None:
    async def story() -> None:
        await credentials.set_preshared(ME, "sim-1", "pw")
        await credentials.rotate(ME)
        await credentials.issue_connection_request(ME)
        await credentials.lookup("sim-1")
        await credentials.forget(ME)
        assert await credentials.lookup("sim-1") is None
        assert await credentials.connection_request_credentials(ME) is None
        assert list(store.kinds["cpe-credential"]) == ["bootstrap"]
        assert await credentials.set_preshared(OTHER, "sim-1", "pw")

    runner.run(story())


# -- connection requests


def test_connection_request_credentials_are_issued_once_or_set(
    credentials: Credentials, runner: asyncio.Runner
) -> None:
    async def story() -> None:
        assert await credentials.connection_request_credentials(ME) is None
        first, second = await asyncio.gather(*(credentials.issue_connection_request(ME) for _ in range(2)))
        assert first == second == await credentials.connection_request_credentials(ME)
        await credentials.set_connection_request(ME, "u", "p")
        assert await credentials.connection_request_credentials(ME) == ("u", "p")

    runner.run(story())


# -- at rest


def test_only_sealed_secrets_are_stored_and_audited(
    credentials: Credentials, store: FakeStore, runner: asyncio.Runner
) -> None:
    async def story() -> list[str]:
        login = await credentials.rotate(ME)
        request = await credentials.issue_connection_request(ME)
        await credentials.set_preshared(OTHER, "sim-1", "preshared-password")
        return [login.password, ha1(*login), request.password, "preshared-password", "boot-password"]

    for secret in runner.run(story()):
        assert secret.encode() not in store.everything()


def test_a_record_moved_to_another_device_does_not_open(
    credentials: Credentials, store: FakeStore, runner: asyncio.Runner
) -> None:
    runner.run(credentials.rotate(ME))
    records = store.kinds["cpe-credential"]
    records["device/" + OTHER], records["user/x"] = records["device/" + ME], OTHER.encode()
    with pytest.raises(KeyWrong):
        runner.run(credentials.lookup("x"))


def test_every_change_is_audited_in_its_own_write(
    credentials: Credentials, store: FakeStore, runner: asyncio.Runner
) -> None:
    async def story() -> None:
        await use(credentials, await credentials.rotate(ME))
        await credentials.reopen(ME)
        await credentials.forget(ME)

    runner.run(story())
    assert store.writes == len(store.audited)
    assert [(e.actor, e.action.removeprefix("cpe.credential-")) for e in store.audited[1:]] == [
        ("system", "rotated"), ("device", "settled"), ("system", "reopened"), ("system", "removed"),
    ]  # fmt: skip
