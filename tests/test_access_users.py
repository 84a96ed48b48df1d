"""Users, logins and tokens: what each gives and to whom, how it ends, and that nothing secret is stored."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from fakes import FakeStore

from cpetwin.access.passwords import Passwords, check_new
from cpetwin.access.principal import Principal
from cpetwin.access.roles import BEFORE_OWN_PASSWORD, PERMISSIONS, ROLES
from cpetwin.access.throttle import FREE_FAILURES, GuessThrottle, Throttled
from cpetwin.access.tokens import LOGIN_LIFETIME, Tokens
from cpetwin.access.users import MAX_LOGINS, Users
from cpetwin.clock import DAY, HOUR, ManualClock
from cpetwin.errors import BadInput, Conflict, CpetwinError, Denied, NotFound, Unauthenticated, Unavailable

FAST = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
BOSS = Principal("boss", "admin", frozenset(PERMISSIONS))


class World:
    """One process on a store. ``seconds`` is its real clock."""

    def __init__(self, store: FakeStore, clock: ManualClock | None = None) -> None:
        self.store = store
        self.seconds = 0.0
        self.clock = clock or ManualClock(1_700_000_000_000)
        self.tokens = Tokens(store, self.clock, now=lambda: self.seconds)
        self.users = Users(store, self.clock, self.tokens, Passwords(FAST), GuessThrottle(now=lambda: self.seconds))

    async def make(self, name: str, role: str) -> Principal:
        """A user with password ``NAME-password``, logged in."""
        await self.users.add_user(BOSS, name, role, f"{name}-password")
        return await self.login(name)

    async def login(self, name: str) -> Principal:
        return await self.tokens.authenticate((await self.users.login(name, f"{name}-password")).token)


@pytest.fixture
def world(store: FakeStore) -> World:
    return World(store)


# -- logging in


def test_login_gives_a_token_for_the_roles_permissions_but_not_for_secrets(
    world: World, runner: asyncio.Runner
) -> None:
    principal = runner.run(world.make("ann", "admin"))
    assert (principal.user, principal.role) == ("ann", "admin")
    assert principal.permissions == ROLES["admin"] - {"secrets"}


def test_neither_passwords_nor_tokens_are_stored_or_audited(world: World, runner: asyncio.Runner) -> None:
    async def story() -> list[str]:
        one_time = await world.users.add_user(BOSS, "ann", "l1")
        login = await world.users.login("ann", one_time)
        principal = await world.tokens.authenticate(login.token)
        await world.users.passwd(principal, one_time, "a-new-password")
        api = await world.tokens.create(await world.tokens.authenticate(login.token), label="script")
        return [one_time, login.token, "a-new-password", api.text]

    for secret in runner.run(story()):
        assert secret.encode() not in world.store.everything()


def test_unknown_users_and_wrong_passwords_get_the_same_answer_after_the_same_work(
    world: World, runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner.run(world.make("ann", "l1"))
    verified = []
    verify = Passwords._verify
    monkeypatch.setattr(Passwords, "_verify", lambda self, h, p: verified.append(h) or verify(self, h, p))
    answers = []
    for name in ("ann", "nobody", "x" * 1000, "no\x00body", "\ud800"):
        with pytest.raises(Unauthenticated) as caught:
            runner.run(world.users.login(name, "wrong-password"))
        answers.append(caught.value.message)
    assert len(set(answers)) == 1
    assert len(verified) == 5


def test_a_failed_login_is_audited_without_what_was_typed_as_an_unknown_name(
    world: World, runner: asyncio.Runner
) -> None:
    with pytest.raises(Unauthenticated):
        runner.run(world.users.login("hunter2", "ann"))
    assert world.store.audited[-1].action == "login.failed"
    assert world.store.audited[-1].subject == "(unknown user)"
    assert b"hunter2" not in world.store.everything()


def test_a_one_time_password_allows_to_look_and_to_change_it(world: World, runner: asyncio.Runner) -> None:
    async def story() -> None:
        password = await world.users.add_user(BOSS, "ann", "noc")
        login = await world.users.login("ann", password)
        assert login.must_change
        principal = await world.tokens.authenticate(login.token)
        assert principal.permissions == ROLES["noc"] & BEFORE_OWN_PASSWORD
        principal.require("device.read")
        with pytest.raises(Denied, match="must change"):
            principal.require("command.queue")
        with pytest.raises(Denied):
            await world.tokens.create(principal, scopes=["device.read"])
        await world.users.passwd(principal, password, "long-enough")
        assert (await world.tokens.authenticate(login.token)).permissions == ROLES["noc"]
        with pytest.raises(Unauthenticated):
            await world.users.login("ann", password)

    runner.run(story())


def test_a_new_password_ends_the_other_logins_but_not_api_tokens(world: World, runner: asyncio.Runner) -> None:
    async def story() -> None:
        await world.make("ann", "noc")
        other = await world.users.login("ann", "ann-password")
        mine = await world.users.login("ann", "ann-password")
        principal = await world.tokens.authenticate(mine.token)
        api = await world.tokens.create(principal)
        await world.tokens.authenticate(other.token)
        await world.users.passwd(principal, "ann-password", "another-password")
        with pytest.raises(Unauthenticated):
            await world.tokens.authenticate(other.token)
        await world.tokens.authenticate(mine.token)
        await world.tokens.authenticate(api.text)

    runner.run(story())


def test_logins_expire_and_only_so_many_are_kept(world: World, runner: asyncio.Runner) -> None:
    async def story() -> None:
        await world.make("ann", "l1")
        first = await world.users.login("ann", "ann-password")
        world.clock.advance(1)
        for _ in range(MAX_LOGINS):
            last = await world.users.login("ann", "ann-password")
        with pytest.raises(Unauthenticated, match="unknown or was revoked"):
            await World(world.store, world.clock).tokens.authenticate(first.token)
        world.clock.advance(LOGIN_LIFETIME - 1)
        await world.tokens.authenticate(last.token)
        world.clock.advance(1)
        with pytest.raises(Unauthenticated, match="expired"):
            await world.tokens.authenticate(last.token)
        await world.users.login("ann", "ann-password")
        assert len(await world.tokens.all()) == 1, "expired logins are swept"

    runner.run(story())


def test_an_outdated_hash_is_renewed_at_login(world: World, runner: asyncio.Runner) -> None:
    async def story() -> None:
        await world.make("ann", "l1")
        before = (await world.tokens.user("ann")).hash
        stronger = Passwords(PasswordHasher(time_cost=2, memory_cost=8, parallelism=1))
        await Users(world.store, world.clock, world.tokens, stronger).login("ann", "ann-password")
        assert (await world.tokens.user("ann")).hash != before
        await world.users.login("ann", "ann-password")

    runner.run(story())


# -- throttling


def test_guessing_is_slowed_down_and_time_heals(world: World, runner: asyncio.Runner) -> None:
    async def story() -> None:
        await world.make("ann", "l1")
        for _ in range(FREE_FAILURES["name and source"]):
            with pytest.raises(Unauthenticated):
                await world.users.login("ann", "wrong", "10.0.0.1")
        with pytest.raises(Throttled) as caught:
            await world.users.login("ann", "ann-password", "10.0.0.1")
        assert caught.value.status == 429
        await world.users.login("ann", "ann-password", "10.0.0.2")
        world.seconds += caught.value.retry_after
        await world.users.login("ann", "ann-password", "10.0.0.1")

    runner.run(story())


def test_a_burst_of_parallel_guesses_gains_nothing(world: World, runner: asyncio.Runner) -> None:
    async def story() -> list[BaseException | object]:
        return await asyncio.gather(
            *(world.users.login("ann", "wrong", "10.0.0.1") for _ in range(40)), return_exceptions=True
        )

    kinds = [type(outcome) for outcome in runner.run(story())]
    assert kinds.count(Unauthenticated) == FREE_FAILURES["name and source"]
    assert kinds.count(Throttled) == 40 - FREE_FAILURES["name and source"]


def test_many_names_from_one_source_and_many_sources_at_one_name_are_slowed_too() -> None:
    for name, source in (("user{}", "one"), ("one", "source{}")):
        throttle = GuessThrottle(now=lambda: 0.0)
        with pytest.raises(Throttled):
            for i in range(max(FREE_FAILURES.values()) + 1):
                throttle.begin(name.format(i), source.format(i))


def test_the_wait_grows_to_a_limit_and_memory_is_bounded() -> None:
    now = 0.0
    throttle = GuessThrottle(now=lambda: now, capacity=100)
    waits = []
    for _ in range(30):
        try:
            throttle.begin("ann", "")
        except Throttled as error:
            waits.append(error.retry_after)
            now += error.retry_after
    assert waits == sorted(waits)
    assert waits[0] == 1
    assert waits[-1] == 300
    for i in range(1000):
        throttle.begin(f"user{i}", f"source{i}")
    assert len(throttle) <= 100


def test_logins_beyond_what_can_wait_are_turned_away(runner: asyncio.Runner) -> None:
    passwords = Passwords(FAST)

    async def story() -> list[object]:
        return await asyncio.gather(*(passwords.verify(None, "x") for _ in range(200)), return_exceptions=True)

    outcomes = runner.run(story())
    assert sum(isinstance(outcome, Unavailable) for outcome in outcomes) == 200 - 64
    assert outcomes.count(False) == 64


# -- tokens


def test_a_token_gives_at_most_its_scopes_and_its_role(world: World, runner: asyncio.Runner) -> None:
    async def story() -> None:
        admin = await world.make("ann", "admin")
        l1 = await world.tokens.create(admin, role="l1")
        assert (await world.tokens.authenticate(l1.text)).permissions == ROLES["l1"]
        one = await world.tokens.create(admin, scopes=["twin.read"])
        assert (await world.tokens.authenticate(one.text)).permissions == {"twin.read"}
        with pytest.raises(Denied, match="does not have"):
            await world.tokens.create(admin, role="l1", scopes=["user.admin"])
        with pytest.raises(BadInput):
            await world.tokens.create(admin, scopes=["nonsense"])
        with pytest.raises(BadInput):
            await world.tokens.create(admin, role="nonsense")
        with pytest.raises(BadInput):
            await world.tokens.create(admin, lifetime=0)

    runner.run(story())


def test_nobody_gives_away_what_they_do_not_have(world: World, runner: asyncio.Runner) -> None:
    async def story() -> None:
        await world.make("ann", "admin")
        narrow = Principal("ann", "admin", frozenset({"token.admin", "user.admin", "twin.read"}))
        with pytest.raises(Denied, match="cannot give"):
            await world.tokens.create(narrow)
        with pytest.raises(Denied, match="cannot give secrets"):
            await world.tokens.create(await world.login("ann"), scopes=["secrets"])
        with pytest.raises(Denied, match="cannot give"):
            await world.users.add_user(narrow, "eve", "admin")
        with pytest.raises(Denied, match="cannot give"):
            await world.users.reset_password(narrow, "ann")
        with pytest.raises(Denied, match=r"token\.admin"):
            await world.tokens.create(await world.make("low", "l1"), "ann")

    runner.run(story())


def test_secrets_need_a_scope_that_names_them(world: World, runner: asyncio.Runner) -> None:
    async def story() -> None:
        await world.make("ann", "admin")
        everything = await world.tokens.create(BOSS, "ann")
        assert not (await world.tokens.authenticate(everything.text)).may("secrets")
        named = await world.tokens.create(BOSS, "ann", scopes=["secrets", "twin.read"])
        assert (await world.tokens.authenticate(named.text)).may("secrets")
        await world.make("low", "l1")
        with pytest.raises(Denied, match="does not have secrets"):
            await world.tokens.create(BOSS, "low", scopes=["secrets"])

    runner.run(story())


def test_a_revoked_token_ends_at_once_although_it_was_cached(world: World, runner: asyncio.Runner) -> None:
    async def story() -> None:
        admin = await world.make("ann", "admin")
        new = await world.tokens.create(admin, label="script")
        await world.tokens.authenticate(new.text)
        info = await world.tokens.revoke(admin, new.id)
        assert (info.label, info.last_used) == ("script", world.clock.now())
        with pytest.raises(Unauthenticated):
            await world.tokens.authenticate(new.text)
        with pytest.raises(NotFound):
            await world.tokens.revoke(admin, new.id)
        assert not await world.store.records("account", "used/" + new.id)

    runner.run(story())


def test_strangers_tokens_cannot_be_seen_or_revoked(world: World, runner: asyncio.Runner) -> None:
    async def story() -> None:
        ann = await world.make("ann", "admin")
        low = await world.make("low", "l1")
        with pytest.raises(NotFound):
            await world.tokens.revoke(low, ann.token)
        assert {info.user for info in await world.tokens.list_tokens(low)} == {"low"}
        with pytest.raises(Denied):
            await world.tokens.list_tokens(low, "ann")
        assert {info.user for info in await world.tokens.list_tokens(ann)} == {"ann", "low"}

    runner.run(story())


def test_authentication_is_answered_from_memory_and_notices_other_processes_soon(
    world: World, runner: asyncio.Runner
) -> None:
    async def story() -> None:
        ann = await world.make("ann", "admin")
        new = await world.tokens.create(ann)
        await world.tokens.authenticate(new.text)
        reads, writes = world.store.reads, world.store.writes
        for _ in range(10):
            await world.tokens.authenticate(new.text)
        assert (world.store.reads, world.store.writes) == (reads, writes)
        other = World(world.store, world.clock)
        await other.tokens.revoke(BOSS, new.id)
        world.seconds += 31
        with pytest.raises(Unauthenticated):
            await world.tokens.authenticate(new.text)

    runner.run(story())


def test_a_revocation_during_authentication_is_not_undone_by_the_cache(world: World, runner: asyncio.Runner) -> None:
    async def story() -> None:
        ann = await world.make("ann", "admin")
        new = await world.tokens.create(ann)
        await asyncio.gather(
            world.tokens.authenticate(new.text), world.tokens.revoke(ann, new.id), return_exceptions=True
        )
        with pytest.raises(Unauthenticated):
            await world.tokens.authenticate(new.text)

    runner.run(story())


@pytest.mark.parametrize("text", ["", "x", "cpt_", "cpt_" + "A" * 43, "cpt_" + "A" * 10_000, "cpt_\ud800", "Bearer x"])
def test_forged_tokens_are_unauthenticated(world: World, runner: asyncio.Runner, text: str) -> None:
    with pytest.raises(Unauthenticated):
        runner.run(world.tokens.authenticate(text))


def test_the_last_use_is_noted_now_and_then(world: World, runner: asyncio.Runner) -> None:
    async def story() -> None:
        ann = await world.make("ann", "admin")
        new = await world.tokens.create(ann)
        assert [i.last_used for i in await world.tokens.list_tokens(ann) if i.id == new.id] == [0]
        await world.tokens.authenticate(new.text)
        first = world.clock.now()
        world.clock.advance(HOUR // 60)
        await world.tokens.authenticate(new.text)
        assert [i.last_used for i in await world.tokens.list_tokens(ann) if i.id == new.id] == [first]
        world.clock.advance(HOUR)
        await world.tokens.authenticate(new.text)
        assert [i.last_used for i in await world.tokens.list_tokens(ann) if i.id == new.id] == [world.clock.now()]

    runner.run(story())


# -- administration


def test_a_role_changes_at_once_for_tokens_in_use(world: World, runner: asyncio.Runner) -> None:
    async def story() -> None:
        await world.users.add_user(BOSS, "ann", "noc", "ann-password")
        token = (await world.users.login("ann", "ann-password")).token
        assert (await world.tokens.authenticate(token)).role == "noc"
        await world.users.set_role(BOSS, "ann", "l1")
        assert (await world.tokens.authenticate(token)).permissions == ROLES["l1"]

    runner.run(story())


def test_a_removed_user_is_gone_with_all_tokens(world: World, runner: asyncio.Runner) -> None:
    async def story() -> None:
        await world.users.add_user(BOSS, "ann", "noc", "ann-password")
        token = (await world.users.login("ann", "ann-password")).token
        await world.tokens.authenticate(token)
        await world.users.remove_user(BOSS, "ann")
        with pytest.raises(Unauthenticated):
            await world.tokens.authenticate(token)
        assert await world.store.records("account") == []
        await world.users.add_user(BOSS, "ann", "admin", "ann-password")
        with pytest.raises(Unauthenticated):
            await world.tokens.authenticate(token)

    runner.run(story())


def test_the_last_admin_stays(world: World, runner: asyncio.Runner) -> None:
    async def story() -> None:
        await world.make("ann", "admin")
        for act in (world.users.set_role(BOSS, "ann", "l1"), world.users.remove_user(BOSS, "ann")):
            with pytest.raises(Conflict, match="last admin"):
                await act
        await world.make("bob", "admin")
        await world.users.set_role(BOSS, "ann", "l1")

    runner.run(story())


def test_every_change_has_its_audit_entry_in_the_same_write(world: World, runner: asyncio.Runner) -> None:
    async def story() -> None:
        await world.users.add_user(BOSS, "ann", "l1")
        await world.users.set_role(BOSS, "ann", "noc")
        await world.users.reset_password(BOSS, "ann")
        new = await world.tokens.create(BOSS, "ann")
        await world.tokens.revoke(BOSS, new.id)
        await world.users.remove_user(BOSS, "ann")

    runner.run(story())
    assert [(e.actor, e.action, e.subject) for e in world.store.audited] == [
        ("boss", action, "ann")
        for action in ("user.add", "user.role", "user.password", "token.create", "token.revoke", "user.remove")
    ]
    assert world.store.writes == len(world.store.audited)


@pytest.mark.parametrize("name", ["", "A", "a b", "a/b", "-a", "a" * 65, "ä", "system", "device", "a\n"])
def test_names_have_limits(world: World, runner: asyncio.Runner, name: str) -> None:
    with pytest.raises(BadInput):
        runner.run(world.users.add_user(BOSS, name, "l1"))


@pytest.mark.parametrize("password", ["", "short", "x" * 1025, "long-name", "LONG-NAME", "\ud800" * 10])
def test_passwords_have_limits(password: str) -> None:
    with pytest.raises(BadInput):
        check_new(password, "long-name")


def test_users_are_added_once_even_by_two_at_a_time(world: World, runner: asyncio.Runner) -> None:
    async def story() -> list[object]:
        return await asyncio.gather(
            *(world.users.add_user(BOSS, "ann", "l1") for _ in range(5)), return_exceptions=True
        )

    assert sum(isinstance(outcome, Conflict) for outcome in runner.run(story())) == 4


def test_only_user_admins_administer(world: World, runner: asyncio.Runner) -> None:
    async def story() -> None:
        noc = await world.make("noc1", "noc")
        for act in (
            world.users.add_user(noc, "eve", "l1"),
            world.users.list_users(noc),
            world.users.set_role(noc, "noc1", "admin"),
            world.users.reset_password(noc, "noc1"),
            world.users.remove_user(noc, "noc1"),
        ):
            with pytest.raises(Denied, match=r"user\.admin"):
                await act

    runner.run(story())


def test_list_users_shows_who_must_change_the_password(world: World, runner: asyncio.Runner) -> None:
    async def story() -> list[tuple[str, str, bool]]:
        await world.users.add_user(BOSS, "bob", "l1")
        await world.users.add_user(BOSS, "ann", "noc", "ann-password")
        return [(u.name, u.role, u.must_change) for u in await world.users.list_users(BOSS)]

    assert runner.run(story()) == [("ann", "noc", False), ("bob", "l1", True)]


# -- first start


def test_the_first_start_makes_the_owner_and_the_cli_token_with_secrets(
    world: World, runner: asyncio.Runner, tmp_path: Path
) -> None:
    async def story() -> None:
        file = tmp_path / "cli.token"
        password = await world.users.prepare(file)
        assert password is not None
        assert file.stat().st_mode & 0o777 == 0o600
        principal = await world.tokens.authenticate(file.read_text().strip())
        assert (principal.user, principal.permissions) == ("admin", frozenset(PERMISSIONS))
        assert (await world.users.login("admin", password)).must_change
        world.clock.advance(3000 * DAY)
        await world.tokens.authenticate(file.read_text().strip())

    runner.run(story())


def test_a_second_start_changes_nothing_and_a_lost_token_file_is_replaced(
    world: World, runner: asyncio.Runner, tmp_path: Path
) -> None:
    async def story() -> None:
        file = tmp_path / "cli.token"
        await world.users.prepare(file)
        text, writes = file.read_text(), world.store.writes
        assert await world.users.prepare(file) is None
        assert (file.read_text(), world.store.writes) == (text, writes)
        await world.tokens.authenticate(text.strip())
        file.unlink()
        assert await world.users.prepare(file) is None
        await world.tokens.authenticate(file.read_text().strip())
        with pytest.raises(Unauthenticated):
            await world.tokens.authenticate(text.strip())

    runner.run(story())


def test_every_error_says_what_to_do(world: World, runner: asyncio.Runner) -> None:
    for act in (
        world.users.add_user(BOSS, "X", "l1"),
        world.users.add_user(BOSS, "x", "root"),
        world.users.set_role(BOSS, "nobody", "l1"),
        world.users.login("nobody", "x"),
        world.tokens.authenticate("x"),
    ):
        with pytest.raises(CpetwinError) as caught:
            runner.run(act)
        assert caught.value.hint
