"""May this device open a session, and as what? One decision, no input or output, written as a table.

The rules are those of surface.md (``--cpe-auth``) and cwmp.md section 3 "Principals". The first rule
whose condition holds decides; the order is the argument. The caller has already checked the answer
to the challenge: ``principal`` is proven, ``wrong`` says that credentials were given and did not fit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from ..twin.identity import DeviceId
from ..twin.store.base import Device, Known
from .cpe import CpePrincipal

Mode = Literal["required", "optional", "off"]
Reenrol = Literal["auto", "approve", "deny"]
Scheme = Literal["digest", "basic"]


class Admission(NamedTuple):
    """The decision and what follows from it.

    ``allow``, ``status``  200, 401 (challenge again) or 403
    ``reason``        for the log and the audit entry; says nothing secret
    ``enrol``         the device is unknown: make it known
    ``mark``          how it proved itself, for ``facts["auth"]``: digest, basic, bootstrap, none
    ``device_state``  the state the device row gets (None: unchanged)
    ``renew``         give the device a credential of its own in this session
    ``reopen``        re-enrolment: ``Credentials.reopen`` before the session is answered
    ``audit``         action of an audit entry that is due, "" for the ordinary
    """

    allow: bool
    status: Literal[200, 401, 403]
    reason: str
    enrol: bool = False
    mark: str = ""
    device_state: str | None = None
    renew: bool = False
    reopen: bool = False
    audit: str = ""


class Case(NamedTuple):
    """What is known when the Inform has been read. ``proven``: the device has used a credential of its own."""

    mode: Mode
    principal: CpePrincipal | None
    identity: DeviceId
    known: Device | Known | None
    bootstrap_event: bool
    reenrol: Reenrol
    wrong: bool
    proven: bool
    scheme: Scheme

    @property
    def state(self) -> str:
        return self.known.state if self.known is not None else "unknown"

    @property
    def kind(self) -> str:
        return self.principal.kind if self.principal is not None else "none"

    @property
    def foreign(self) -> bool:
        """A device credential presented by another identity."""
        principal = self.principal
        return principal is not None and principal.kind == "device" and principal.identity != self.identity.identity


class Rule(NamedTuple):
    name: str
    when: Callable[[Case], bool]
    admission: Admission


_NEW = ("unknown", "expected")

RULES: tuple[Rule, ...] = (
    # What no mode overrides: the operator said no.
    Rule("denied", lambda c: c.state == "denied", Admission(False, 403, "the device was denied by an operator")),
    # off: nobody is asked, nobody's credentials are changed.
    Rule("off", lambda c: c.mode == "off", Admission(True, 200, "authentication is off", mark="none")),
    # What was given must be right, and what must be given is missing.
    Rule("wrong", lambda c: c.wrong, Admission(False, 401, "the credentials are wrong")),
    Rule(
        "missing",
        lambda c: c.principal is None and c.mode != "optional",
        Admission(False, 401, "no credentials were given"),
    ),
    Rule(
        "anonymous",
        lambda c: c.principal is None,
        Admission(True, 200, "no credentials were given; authentication is optional", mark="none"),
    ),
    # A device's own credential is bound to its identity, and is the proof that settles everything.
    Rule(
        "foreign",
        lambda c: c.foreign,
        Admission(False, 403, "the credential belongs to another device", audit="cpe.foreign-credential"),
    ),
    Rule("own", lambda c: c.kind == "device", Admission(True, 200, "own credential", mark="own")),
    # The bootstrap credential: for new devices, and for known ones until their own has been set and used.
    Rule(
        "first contact",
        lambda c: c.state in _NEW and not c.proven,
        Admission(True, 200, "first contact with the bootstrap credential", mark="bootstrap", renew=True),
    ),
    Rule(
        "seen anew",  # the row was forgotten or is imported, but an old credential is still on record
        lambda c: c.state in _NEW,
        Admission(
            True, 200, "first contact with the bootstrap credential", mark="bootstrap", renew=True, reopen=True,
            audit="cpe.re-enrolled",
        ),
    ),
    Rule(
        "waiting",
        lambda c: c.state == "pending",
        Admission(True, 200, "waits for approval", mark="bootstrap"),
    ),
    Rule(
        "not settled",
        lambda c: not c.proven,
        Admission(True, 200, "no credential of its own was used yet", mark="bootstrap", renew=True),
    ),
    # From here on: a device that has used its own credential comes with the bootstrap credential.
    Rule(
        "no reset",
        lambda c: not c.bootstrap_event,
        Admission(
            False, 403, "the device has a credential of its own and was not reset", audit="cpe.bootstrap-refused"
        ),
    ),
    Rule(
        "re-enrolment denied",
        lambda c: c.reenrol == "deny",
        Admission(False, 403, "re-enrolment is denied by policy", audit="cpe.re-enrolment-denied"),
    ),
    Rule(
        "re-enrolment waits",
        lambda c: c.reenrol == "approve",
        Admission(
            True, 200, "re-enrolment waits for approval", mark="bootstrap", device_state="pending",
            audit="cpe.re-enrolment-waits",
        ),
    ),
    Rule(
        "re-enrolment",
        lambda c: c.reenrol == "auto",
        Admission(
            True, 200, "re-enrolled after a reset", mark="bootstrap", renew=True, reopen=True,
            audit="cpe.re-enrolled",
        ),
    ),
)  # fmt: skip

_REFUSED = Admission(False, 403, "no rule admits the device", audit="cpe.refused")


def must_challenge(mode: Mode, principal: CpePrincipal | None, wrong: bool) -> bool:
    """Whether to answer 401 before the body is read (Authorization is checked first). ``admit`` agrees with it."""
    if mode == "off":
        return False
    return wrong or (principal is None and mode == "required")


def admit(
    mode: Mode,
    principal: CpePrincipal | None,
    identity: DeviceId,
    known: Device | Known | None,
    bootstrap_event: bool,
    reenrol: Reenrol = "auto",
    *,
    wrong: bool = False,
    proven: bool = False,
    scheme: Scheme = "digest",
) -> Admission:
    """Decide about one Inform.

    ``known``            the device row, None for an unknown identity
    ``bootstrap_event``  the Inform has ``0 BOOTSTRAP``
    ``wrong``            credentials were given and did not verify (then ``principal`` is None)
    ``proven``           ``await Credentials.is_proven(identity.identity)``; needed only when the principal is bootstrap
    ``scheme``           how ``principal`` was proven
    """
    case = Case(mode, principal, identity, known, bootstrap_event, reenrol, wrong, proven, scheme)
    return next((_complete(rule.admission, case) for rule in RULES if rule.when(case)), _REFUSED)


def _complete(admission: Admission, case: Case) -> Admission:
    """Fill in what follows from the device row: enrolment, the state of a device seen for the first time, the mark."""
    if not admission.allow:
        return admission
    state = admission.device_state
    if state is None and (case.state in _NEW or (case.state == "pending" and admission.mark == "own")):
        state = "active"
    return admission._replace(
        enrol=case.known is None,
        device_state=state,
        mark=case.scheme if admission.mark == "own" else admission.mark,
    )
