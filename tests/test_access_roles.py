"""Roles: the table is closed, least privilege holds where it matters, refusals say who could."""

from __future__ import annotations

import pytest

from cpetwin.access.principal import Principal
from cpetwin.access.roles import NEVER_IMPLIED, PERMISSIONS, ROLES, check_scopes, permissions_of
from cpetwin.errors import BadInput, Denied


def test_every_role_names_known_permissions_only() -> None:
    for role, permissions in ROLES.items():
        assert permissions <= PERMISSIONS.keys(), role


def test_every_permission_has_a_meaning_and_somebody_who_has_it() -> None:
    for permission, meaning in PERMISSIONS.items():
        assert meaning
        assert any(permission in permissions for permissions in ROLES.values()), permission


def test_the_roles_of_the_house_exist() -> None:
    assert set(ROLES) == {"l1", "noc", "firmware", "marketing", "privacy", "approver", "admin"}


@pytest.mark.parametrize("permission", ["user.admin", "token.admin", "secrets", "enrol.read", "device.forget"])
def test_dangerous_permissions_are_the_admins_alone(permission: str) -> None:
    assert [role for role, permissions in ROLES.items() if permission in permissions] == ["admin"]


def test_marketing_sees_no_device_and_only_l1_noc_admin_change_anything() -> None:
    assert not any(p.startswith(("device.", "twin.", "command.", "inventory.")) for p in ROLES["marketing"])
    assert {role for role, permissions in ROLES.items() if "command.queue" in permissions} == {"l1", "noc", "admin"}
    assert "command.reset" not in ROLES["l1"]


def test_reading_secrets_is_never_implied() -> None:
    assert {"secrets"} == NEVER_IMPLIED


def test_a_refusal_names_the_permission_and_the_roles_that_have_it() -> None:
    principal = Principal("eve", "l1", permissions_of("l1"))
    principal.require("twin.read")
    with pytest.raises(Denied) as caught:
        principal.require("command.reset")
    assert "command.reset" in caught.value.message
    assert caught.value.hint == "roles that have it: noc, admin"


def test_unknown_roles_and_scopes_are_answered_with_the_known_ones() -> None:
    with pytest.raises(BadInput) as caught:
        permissions_of("root")
    assert "admin" in caught.value.hint
    with pytest.raises(BadInput, match="no permission 'twin.raed'"):
        check_scopes(frozenset({"twin.read", "twin.raed"}))
