"""Users, tokens and logins over REST. What may be done is decided in ``access``; here it gets its form."""

from __future__ import annotations

from typing import Any

from ..access.roles import PERMISSIONS, ROLES
from ..access.tokens import TokenInfo
from ..access.users import Login, UserInfo
from ..clock import SECOND
from ..errors import BadInput
from .columns import instant
from .operation import ANY_LOGIN, PUBLIC, Answer, Call, Operation, Parameter
from .schema import BOOLEAN, INSTANT, TEXT, array, integer, nullable, one_of, record, text
from .shapes import component

_PASSWORD = text(1024, 1)
_NAME = text(64, 1)

LOGIN = component(
    "Login", record({"token": TEXT, "user": TEXT, "role": TEXT, "expires": INSTANT, "must_change": BOOLEAN})
)
ME = component("Me", record({"user": TEXT, "role": TEXT, "permissions": array(TEXT), "must_change": BOOLEAN}))
USER = component(
    "User",
    record(
        {"name": TEXT, "role": TEXT, "must_change": BOOLEAN, "created": nullable(INSTANT),
         "password_changed": nullable(INSTANT)}
    ),
)  # fmt: skip
TOKEN = component(
    "Token",
    record(
        {
            "id": TEXT, "user": TEXT, "kind": TEXT, "label": TEXT, "role": nullable(TEXT),
            "scopes": nullable(array(TEXT)), "created": nullable(INSTANT), "expires": nullable(INSTANT),
            "last_used": nullable(INSTANT),
        }
    ),
)  # fmt: skip
NEW_TOKEN = component("NewToken", record({"token": TEXT, "id": TEXT, "expires": nullable(INSTANT)}))
DONE = record({"user": TEXT}, {"role": TEXT, "password": nullable(TEXT)})


def login_json(login: Login) -> Any:
    return {
        "token": login.token, "user": login.user, "role": login.role, "expires": instant(login.expires),
        "must_change": login.must_change,
    }  # fmt: skip


def source_of(call: Call) -> str:
    """The caller's address, for the throttle of wrong passwords."""
    return call.request.remote or ""


async def login(call: Call) -> Any:
    return login_json(await call.services.users.login(call.body["user"], call.body["password"], source_of(call)))


async def logout(call: Call) -> Any:
    principal = call.principal
    for info in await call.services.tokens.list_tokens(principal, principal.user):
        if info.id == principal.token and info.kind == "login":
            await call.services.tokens.revoke(principal, info.id)
            return {"user": principal.user}
    raise BadInput("this token is not of a login", "cpetwin token revoke ends it")


async def me(call: Call) -> Any:
    principal = call.principal
    return {
        "user": principal.user, "role": principal.role, "permissions": sorted(principal.permissions),
        "must_change": principal.must_change,
    }  # fmt: skip


async def change_password(call: Call) -> Any:
    await call.services.users.passwd(call.principal, call.body["old"], call.body["new"])
    return {"user": call.principal.user}


def _user(user: UserInfo) -> Any:
    return {
        "name": user.name, "role": user.role, "must_change": user.must_change, "created": instant(user.created),
        "password_changed": instant(user.password_changed),
    }  # fmt: skip


async def list_users(call: Call) -> Any:
    return [_user(user) for user in await call.services.users.list_users(call.principal)]


async def add_user(call: Call) -> Answer:
    name, role = call.body["name"], call.body["role"]
    one_time = await call.services.users.add_user(call.principal, name, role, call.body.get("password"))
    return Answer({"user": name, "role": role, "password": one_time or None}, 201)


async def set_role(call: Call) -> Any:
    name, role = call.parameters["user"], call.body["role"]
    await call.services.users.set_role(call.principal, name, role)
    return {"user": name, "role": role}


async def reset_password(call: Call) -> Any:
    name = call.parameters["user"]
    return {"user": name, "password": await call.services.users.reset_password(call.principal, name)}


async def remove_user(call: Call) -> Any:
    await call.services.users.remove_user(call.principal, call.parameters["user"])
    return {"user": call.parameters["user"]}


def _token(info: TokenInfo) -> Any:
    return {
        "id": info.id, "user": info.user, "kind": info.kind, "label": info.label, "role": info.role,
        "scopes": info.scopes, "created": instant(info.created), "expires": instant(info.expires),
        "last_used": instant(info.last_used),
    }  # fmt: skip


async def list_tokens(call: Call) -> Any:
    return [_token(info) for info in await call.services.tokens.list_tokens(call.principal, call.get("user"))]


async def create_token(call: Call) -> Answer:
    wish: dict[str, Any] = call.body
    made = await call.services.tokens.create(
        call.principal,
        wish.get("user"),
        label=wish.get("label", ""),
        role=wish.get("role"),
        scopes=wish.get("scopes"),
        lifetime=wish["lifetime"] * SECOND if "lifetime" in wish else None,
    )
    return Answer({"token": made.text, "id": made.id, "expires": instant(made.expires)}, 201)


async def revoke_token(call: Call) -> Any:
    return _token(await call.services.tokens.revoke(call.principal, call.parameters["token"]))


_USER = Parameter("user", "name of a user", _NAME, place="path", required=True)
_ROLE = one_of(*ROLES)
_TEN_YEARS = 10 * 366 * 86_400

OPERATIONS = (
    Operation(
        "POST", "/api/v1/login", "login", PUBLIC, "a token for a user and password", login,
        {200: ("the login", LOGIN)}, body=record({"user": text(256), "password": text(1024)}), errors=(401, 429),
    ),
    Operation(
        "POST", "/api/v1/logout", "logout", ANY_LOGIN, "end the login whose token is used", logout,
        {200: ("it is ended", DONE)}, errors=(400,),
    ),
    Operation("GET", "/api/v1/me", "whoAmI", ANY_LOGIN, "who I am and what I may do", me, {200: ("that", ME)}),
    Operation(
        "POST", "/api/v1/me/password", "changePassword", ANY_LOGIN, "change one's own password; other logins end",
        change_password, {200: ("it is changed", DONE)}, body=record({"old": _PASSWORD, "new": _PASSWORD}),
        errors=(404, 409, 429),
    ),
    Operation(
        "GET", "/api/v1/users", "listUsers", "user.admin", "all users", list_users, {200: ("by name", array(USER))}
    ),
    Operation(
        "POST", "/api/v1/users", "addUser", "user.admin", "make a user; without a password it gets a one-time one",
        add_user, {201: ("made; password is the one-time one", DONE)},
        body=record({"name": _NAME, "role": _ROLE}, {"password": _PASSWORD}), errors=(409,),
    ),
    Operation(
        "PATCH", "/api/v1/users/{user}", "setRole", "user.admin", "give a user another role", set_role,
        {200: ("it holds at once", DONE)}, (_USER,), body=record({"role": _ROLE}), errors=(404, 409),
    ),
    Operation(
        "POST", "/api/v1/users/{user}/password", "resetPassword", "user.admin", "a new one-time password",
        reset_password, {200: ("shown only now", DONE)}, (_USER,), errors=(404, 409),
    ),
    Operation(
        "DELETE", "/api/v1/users/{user}", "removeUser", "user.admin", "remove a user with all tokens", remove_user,
        {200: ("it is gone", DONE)}, (_USER,), errors=(404, 409),
    ),
    Operation(
        "GET", "/api/v1/tokens", "listTokens", ANY_LOGIN, "one's own tokens, or with token.admin all", list_tokens,
        {200: ("oldest first", array(TOKEN))}, (Parameter("user", "only those of this user", _NAME),),
    ),
    Operation(
        "POST", "/api/v1/tokens", "createToken", ANY_LOGIN, "a token for a program", create_token,
        {201: ("its text is shown only now", NEW_TOKEN)},
        body=record(
            {},
            {
                "user": _NAME, "label": text(100), "role": _ROLE, "scopes": array(one_of(*PERMISSIONS), 100),
                "lifetime": integer(1, _TEN_YEARS),
            },
        ),
        errors=(404,),
    ),
    Operation(
        "DELETE", "/api/v1/tokens/{token}", "revokeToken", ANY_LOGIN, "end a token", revoke_token,
        {200: ("the token that was", TOKEN)},
        (Parameter("token", "short id of a token", text(64, 1), place="path", required=True),), errors=(404,),
    ),
)  # fmt: skip
