"""admit(): the rules of surface.md --cpe-auth and cwmp.md section 3, one by one and as invariants."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpetwin.access.cpe import CpePrincipal, ha1
from cpetwin.access.enrolment import RULES, Admission, admit, must_challenge
from cpetwin.twin.identity import DeviceId
from cpetwin.twin.store.base import DEVICE_STATES, Device

ME = DeviceId("001122", "Box", "SN1")
OTHER = DeviceId("001122", "Box", "SN2")
BOOTSTRAP = CpePrincipal("bootstrap", "cpe", "", ((ha1("cpe", "p"), 0),))
OWN = CpePrincipal("device", ME.identity, ME.identity, ((ha1(ME.identity, "p"), 1),), settled=1)
FOREIGN = CpePrincipal("device", OTHER.identity, OTHER.identity, ((ha1(OTHER.identity, "p"), 1),), settled=1)


def row(state: str) -> Device:
    return Device(
        1, ME.text, ME.identity, ME.clean_oui, ME.product_class, ME.serial, "cwmp", 0, 0, 0, 0, 0, state, {}, {}, {}
    )


def decide(mode: Any, principal: CpePrincipal | None, state: str | None, **more: Any) -> Admission:
    more = {"bootstrap_event": False, **more}
    return admit(mode, principal, ME, row(state) if state else None, **more)


# -- required


def test_required_without_credentials_is_challenged() -> None:
    assert decide("required", None, "active")[:2] == (False, 401)
    assert decide("required", None, None)[:2] == (False, 401)


def test_an_unknown_device_with_the_bootstrap_credential_is_enrolled_and_gets_its_own() -> None:
    a = decide("required", BOOTSTRAP, None)
    assert (a.allow, a.enrol, a.mark, a.device_state, a.renew) == (True, True, "bootstrap", "active", True)


def test_an_expected_device_becomes_active_at_first_contact_without_being_enrolled_again() -> None:
    for principal, mark in ((BOOTSTRAP, "bootstrap"), (OWN, "digest")):
        a = decide("required", principal, "expected")
        assert (a.allow, a.enrol, a.mark, a.device_state) == (True, False, mark, "active")


def test_a_known_device_proves_itself_by_its_own_credential() -> None:
    a = decide("required", OWN, "active", scheme="basic")
    assert (a.allow, a.status, a.mark, a.device_state, a.renew, a.audit) == (True, 200, "basic", None, False, "")


def test_another_identity_with_a_devices_credential_is_403_and_audited() -> None:
    for state in ("active", "expected", None):
        a = decide("required", FOREIGN, state, bootstrap_event=True)
        assert (a.allow, a.status, a.audit) == (False, 403, "cpe.foreign-credential")


def test_a_known_device_may_use_the_bootstrap_credential_until_its_own_has_been_used() -> None:
    before = decide("required", BOOTSTRAP, "active", proven=False)
    assert (before.allow, before.renew, before.device_state) == (True, True, None)
    after = decide("required", BOOTSTRAP, "active", proven=True)
    assert (after.allow, after.status, after.audit) == (False, 403, "cpe.bootstrap-refused")


@pytest.mark.parametrize(
    ("policy", "allow", "state", "renew", "reopen"),
    [("auto", True, None, True, True), ("approve", True, "pending", False, False), ("deny", False, None, False, False)],
)
def test_a_reset_device_comes_back_by_policy(policy: str, allow: bool, state: str, renew: bool, reopen: bool) -> None:
    a = decide("required", BOOTSTRAP, "active", proven=True, bootstrap_event=True, reenrol=policy)
    assert (a.allow, a.device_state, a.renew, a.reopen) == (allow, state, renew, reopen)
    assert a.audit.startswith("cpe.re-enrol")


def test_a_device_that_waits_for_approval_is_heard_but_gets_no_secret() -> None:
    a = decide("required", BOOTSTRAP, "pending", proven=True)
    assert (a.allow, a.device_state, a.renew, a.reopen) == (True, None, False, False)


def test_a_waiting_device_that_shows_its_own_credential_needs_no_approval() -> None:
    assert decide("required", OWN, "pending").device_state == "active"


def test_a_forgotten_device_is_new_even_if_an_old_credential_is_on_record() -> None:
    a = decide("required", BOOTSTRAP, None, proven=True)
    assert (a.allow, a.enrol, a.renew, a.reopen) == (True, True, True, True)


# -- optional and off


def test_optional_accepts_absent_credentials_and_marks_the_device() -> None:
    for state in (None, "expected", "active"):
        a = decide("optional", None, state, proven=True)
        assert (a.allow, a.mark, a.renew) == (True, "none", False)
    assert decide("optional", None, None).enrol


def test_optional_wants_given_credentials_to_be_right() -> None:
    assert decide("optional", None, "active", wrong=True)[:2] == (False, 401)
    assert decide("optional", FOREIGN, "active")[:2] == (False, 403)


def test_off_admits_and_enrols_anybody_and_changes_nobodys_credentials() -> None:
    for principal in (None, BOOTSTRAP, OWN, FOREIGN):
        a = decide("off", principal, None, wrong=True)
        assert (a.allow, a.status, a.enrol, a.mark, a.renew, a.reopen) == (True, 200, True, "none", False, False)


def test_a_denied_device_stays_out_in_every_mode() -> None:
    for mode in ("required", "optional", "off"):
        assert decide(mode, OWN, "denied")[:2] == (False, 403)


# -- invariants over everything that can be asked

cases = st.fixed_dictionaries(
    {
        "mode": st.sampled_from(["required", "optional", "off"]),
        "principal": st.sampled_from([None, BOOTSTRAP, OWN, FOREIGN]),
        "state": st.sampled_from([None, *DEVICE_STATES]),
        "bootstrap_event": st.booleans(),
        "reenrol": st.sampled_from(["auto", "approve", "deny"]),
        "wrong": st.booleans(),
        "proven": st.booleans(),
        "scheme": st.sampled_from(["digest", "basic"]),
    }
)


@given(cases)
def test_no_path_admits_a_wrong_missing_or_foreign_credential_in_required_mode(case: dict[str, Any]) -> None:
    if case["mode"] == "required" and (case["wrong"] or case["principal"] in (None, FOREIGN)):
        assert not decide(**case).allow


@given(cases)
def test_wrong_and_foreign_credentials_are_never_admitted_unless_authentication_is_off(case: dict[str, Any]) -> None:
    if case["mode"] != "off" and (case["wrong"] or case["principal"] is FOREIGN):
        assert not decide(**case).allow


@given(cases)
def test_only_a_proven_bootstrap_credential_leads_to_new_credentials(case: dict[str, Any]) -> None:
    a = decide(**case)
    if a.renew or a.reopen:
        assert a.allow
        assert case["principal"] is BOOTSTRAP
        assert case["mode"] != "off"
        assert not case["wrong"]
        assert case["state"] not in ("pending", "denied")


@given(cases)
def test_status_flags_and_marks_agree(case: dict[str, Any]) -> None:
    a = decide(**case)
    assert a.allow == (a.status == 200)
    assert a.reason
    assert a.allow or not (a.enrol or a.mark or a.device_state or a.renew or a.reopen)
    assert not a.allow or a.enrol == (case["state"] is None)
    assert not a.allow or a.mark in ("digest", "basic", "bootstrap", "none")
    if a.mark in ("digest", "basic"):
        assert case["principal"] is OWN
        assert a.mark == case["scheme"]
    assert a.device_state in (None, "active", "pending")


@given(cases)
def test_a_settled_device_is_never_taken_over_by_the_bootstrap_credential_without_a_reset(case: dict[str, Any]) -> None:
    if case["mode"] == "required" and case["principal"] is BOOTSTRAP and case["proven"] and case["state"] == "active":
        assert not decide(**case).allow or (case["bootstrap_event"] and case["reenrol"] != "deny")


@given(cases)
def test_the_early_challenge_never_contradicts_the_decision(case: dict[str, Any]) -> None:
    """What is answered 401 before the body is read would not have been admitted with it."""
    if must_challenge(case["mode"], case["principal"], case["wrong"]):
        assert not decide(**case).allow


@given(cases)
def test_the_table_is_complete(case: dict[str, Any]) -> None:
    assert decide(**case).audit != "cpe.refused"


def test_every_rule_has_a_name_of_its_own() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
