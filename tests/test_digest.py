"""HTTP authentication as devices speak it, both ends, against the vectors of the RFCs and against itself."""

from __future__ import annotations

from base64 import b64encode
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpetwin.acs.digest import (
    BadAuthorization,
    BadChallenge,
    Challenge,
    Nonces,
    authorize_request,
    challenge,
    ha1,
    parse_authorization,
    parse_challenge,
    same_uri,
    verify_digest,
)

RFC2617 = (
    b'Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
    b'uri="/dir/index.html", qop=auth, nc=00000001, cnonce="0a4f113b", '
    b'response="6629fae49393a05397450978507c4ef1", opaque="5ccc069c403ebaf9f0171e9517f40e41"'
)
MUFASA = ha1("Mufasa", "testrealm@host.com", "Circle Of Life")
RFC7616_NONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
RFC7616_CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"

words = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_categories=["Cc", "Zs"]), min_size=1)
words = words.filter(str.isprintable)


# ---- server side ---------------------------------------------------------------------------------------------------


def test_rfc2617_example() -> None:
    """Section 3.5: the answer of the example is accepted, with no other method, user or password."""
    given = parse_authorization(RFC2617)
    assert (given.scheme, given.username, given.nc, given.qop) == ("digest", "Mufasa", "00000001", "auth")
    assert verify_digest(given, "GET", MUFASA)
    assert not verify_digest(given, "POST", MUFASA)
    assert not verify_digest(given, "GET", ha1("Mufasa", "testrealm@host.com", "circle of life"))


def test_rfc7616_md5_example() -> None:
    """Section 3.9.1, MD5."""
    given = parse_authorization(
        b'Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm=MD5, nonce="'
        + RFC7616_NONCE.encode() + b'", nc=00000001, cnonce="' + RFC7616_CNONCE.encode()
        + b'", qop=auth, response="8ca523f5e9506fed4657c9700eebdbec"'
    )  # fmt: skip
    assert verify_digest(given, "GET", ha1("Mufasa", "http-auth@example.org", "Circle of Life"))


def test_rfc2069_answer_without_qop() -> None:
    """The legacy form (erratum 749 of RFC 2069 gives the right response)."""
    given = parse_authorization(
        b'Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
        b'uri="/dir/index.html", response="1949323746fe6a43ef61f9606e7febea", '
        b'opaque="5ccc069c403ebaf9f0171e9517f40e41"'
    )
    assert verify_digest(given, "GET", ha1("Mufasa", "testrealm@host.com", "CircleOfLife"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"nc=00000001", b'nc="00000001"'),
        (b"qop=auth", b'qop="auth"'),
        (b'cnonce="0a4f113b"', b"cnonce=0a4f113b"),
        (b", opaque", b', algorithm="MD5", opaque'),
        (b", opaque", b", algorithm=md5, opaque"),
        (b'opaque="5ccc069c403ebaf9f0171e9517f40e41"', b'opaque=""'),
        (b'opaque="5ccc069c403ebaf9f0171e9517f40e41"', b"opaque="),
        (b", ", b","),
        (b", ", b" "),
        (b", ", b" ,\t"),
        (b"=", b" = "),
        (b"Digest ", b"digest   "),
        (b"username", b"UserName"),
        (b", nc", b",\r\n nc"),
        (b"6629fae49393a05397450978507c4ef1", b"6629FAE49393A05397450978507C4EF1"),
    ],
)
def test_odd_forms_of_an_answer(old: bytes, new: bytes) -> None:
    """What devices write differently changes nothing (cwmp.md section 3)."""
    assert verify_digest(parse_authorization(RFC2617.replace(old, new)), "GET", MUFASA)


def answer(user: str, password: str, uri: str, cnonce: str = "abc", realm: str = "cpetwin", nonce: str = "n") -> bytes:
    return authorize_request(Challenge("digest", realm, nonce, qop="auth"), "POST", uri, user, password, cnonce, 1)


@pytest.mark.parametrize(
    ("uri", "same"),
    [("/acs", True), ("", True), ("http://acs:7547/acs", True), ("http://acs:7547", False), ("/other", False)],
)
def test_the_uri_counts_as_written(uri: str, same: bool) -> None:
    """The response is computed over the client's uri; whether it fits the request is only reported."""
    given = parse_authorization(answer("u", "p", uri))
    assert verify_digest(given, "POST", ha1("u", "cpetwin", "p"))
    assert same_uri(given, b"/acs") is same


def test_base64_cnonce() -> None:
    """curl's cnonce ends in '=', quoted or not."""
    header = answer("u", "p", "/", cnonce="Zm9vYmFy==")
    for sent in (header, header.replace(b'"Zm9vYmFy=="', b"Zm9vYmFy==")):
        assert parse_authorization(sent).cnonce == "Zm9vYmFy=="
        assert verify_digest(parse_authorization(sent), "POST", ha1("u", "cpetwin", "p"))


@given(user=words, password=st.text(max_size=30), realm=words, cnonce=words)
def test_both_ends_agree(user: str, password: str, realm: str, cnonce: str) -> None:
    """Any user, password and realm: our client's answer to our challenge is accepted, with another password not."""
    nonces = Nonces(b"secret", 1000)
    offered = parse_challenge([challenge(realm, nonces.mint(5))])
    assert (offered.realm, offered.qop, offered.algorithm, offered.stale) == (realm, "auth", "MD5", False)
    given = parse_authorization(authorize_request(offered, "POST", "/", user, password, cnonce, 7))
    assert (given.username, given.nc) == (user, "00000007")
    assert nonces.check(given.nonce, 6) == "ok"
    assert verify_digest(given, "POST", ha1(user, realm, password))
    assert not verify_digest(given, "POST", ha1(user, realm, password + "x"))


@given(user=st.text(max_size=20).filter(lambda text: ":" not in text), password=st.text(max_size=20))
def test_basic(user: str, password: str) -> None:
    """User and password of a Basic answer, colons in the password included."""
    header = b"Basic " + b64encode(f"{user}:{password}".encode())
    given = parse_authorization(header)
    assert (given.scheme, given.username, given.password) == ("basic", user, password)
    assert not verify_digest(given, "POST", ha1(user, "", password))


def test_latin_1_credentials() -> None:
    """Bytes that are no UTF-8 are read as Latin-1."""
    assert parse_authorization(b"Basic " + b64encode(b"h\xe9:p\xe9")).password == "pé"


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"Digest",
        b"Negotiate abc",
        b"Basic ???",
        b"Basic " + b64encode(b"nocolon"),
        b"Basic " + b"QUFB" * 1000,
        RFC2617 + b", nc=2",
        RFC2617.replace(b"nonce=", b"once=", 1),
        RFC2617.replace(b"response=", b"reply="),
        RFC2617 + b', x="open',
        RFC2617 + b", Digest a=b",
        b"Digest " + b"a" * 9000,
        b"Digest " + b",".join(b"p%d=1" % n for n in range(100)),
        RFC2617 + b'\x00, x="a"',
        RFC2617 + b'\r\nX: "a"',
        b"=",
        b'"',
    ],
)
def test_unreadable_answers(header: bytes) -> None:
    """BadAuthorization, never another exception, and never a secret in its text."""
    with pytest.raises(BadAuthorization) as caught:
        parse_authorization(header)
    assert "6629" not in str(caught.value)


@given(st.binary(max_size=200), st.sampled_from([b"", b"Digest ", b"Basic ", RFC2617]))
def test_noise_is_refused_or_read(noise: bytes, start: bytes) -> None:
    """Any bytes: read, or BadAuthorization / BadChallenge."""
    with suppress(BadAuthorization):
        verify_digest(parse_authorization(start + noise), "GET", MUFASA)
    with suppress(BadAuthorization, BadChallenge):
        parse_challenge([start + noise])


@pytest.mark.parametrize("change", [b"algorithm=SHA-256", b"algorithm=MD5-sess", b"algorithm=junk"])
def test_algorithms_that_were_not_offered(change: bytes) -> None:
    """Only MD5 was offered, nothing else is accepted; nor is auth-int."""
    assert not verify_digest(parse_authorization(RFC2617 + b", " + change), "GET", MUFASA)
    assert not verify_digest(parse_authorization(RFC2617.replace(b"qop=auth", b"qop=auth-int")), "GET", MUFASA)


def test_secrets_are_not_shown() -> None:
    """Neither password nor response is in the representation that a log may print."""
    assert "sesame" not in repr(parse_authorization(b"Basic " + b64encode(b"ali:sesame")))
    assert "6629fae4" not in repr(parse_authorization(RFC2617))


def test_nonces() -> None:
    """ok in their time, stale after it or far before it, bad when changed or of another secret."""
    nonces = Nonces(b"secret", 60_000)
    nonce = nonces.mint(1_000_000)
    assert nonce != nonces.mint(1_000_000)
    assert nonces.check(nonce, 1_000_000) == "ok"
    assert nonces.check(nonce, 1_060_000) == "ok"
    assert nonces.check(nonce, 1_060_001) == "stale"
    assert nonces.check(nonce, 1_000_000 - 30_000) == "ok"
    assert nonces.check(nonce, 1_000_000 - 60_001) == "stale"
    assert Nonces(b"secret", 60_000).check(nonce, 1_000_000) == "ok"
    assert Nonces(b"other", 60_000).check(nonce, 1_000_000) == "bad"
    for wrong in ("", "x", nonce[:-1], nonce + "0", nonce[:-1] + "\u0660", "0" * 56, nonce[:-2] + "  "):
        assert nonces.check(wrong, 1_000_000) == "bad"
    for at in range(0, 56, 5):
        turned = nonce[:at] + ("1" if nonce[at] == "0" else "0") + nonce[at + 1 :]
        assert nonces.check(turned, 1_000_000) == "bad"


def test_the_challenge_is_one_and_plain() -> None:
    """One Digest challenge, MD5, qop="auth"; stale only when it is."""
    assert challenge("cpetwin", "abc") == b'Digest realm="cpetwin", nonce="abc", algorithm=MD5, qop="auth"'
    assert parse_challenge([challenge("cpetwin", "abc", stale=True)]).stale


# ---- client side ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([b'Digest qop="auth" nonce="a1" opaque="" realm="r"'], Challenge("digest", "r", "a1", "", "", "auth")),
        ([b'Digest realm="r",\r\n nonce="a1",\r\n\tqop="auth"'], Challenge("digest", "r", "a1", qop="auth")),
        ([b'Digest realm="r", nonce="a1"'], Challenge("digest", "r", "a1")),
        ([b'Digest realm="r",nonce=a1,qop="auth,auth-int"'], Challenge("digest", "r", "a1", qop="auth")),
        ([b'Digest realm="r",nonce="a1",qop="auth-int, auth"'], Challenge("digest", "r", "a1", qop="auth")),
        ([b'Basic realm="b", Digest realm="r", nonce="a1"'], Challenge("digest", "r", "a1")),
        ([b'Digest realm="r", nonce="a1", Basic realm="b"'], Challenge("digest", "r", "a1")),
        ([b'Basic realm="b"', b'Digest realm="r", nonce="a1"'], Challenge("digest", "r", "a1")),
        ([b"Negotiate", b'Digest realm="r", nonce="a1"'], Challenge("digest", "r", "a1")),
        (
            [b'Digest realm="r", nonce="a1", algorithm=MD5', b'Digest realm="r", nonce="a2", algorithm=SHA-256'],
            Challenge("digest", "r", "a2", algorithm="SHA-256"),
        ),
        (
            [b'Digest realm="r", nonce="a1", algorithm=SHA-512-256, Digest realm="r", nonce="a2", stale=TRUE'],
            Challenge("digest", "r", "a2", stale=True),
        ),
    ],
)
def test_odd_challenges(values: list[bytes], expected: Challenge) -> None:
    """No commas, folded lines, no algorithm, qop lists, several challenges (cwmp.md section 11)."""
    assert parse_challenge(values) == expected


@pytest.mark.parametrize(
    "values",
    [
        [],
        [b'Basic realm="b"'],
        [b'Digest realm="r"'],
        [b'Digest realm="r", nonce="a", qop="auth-int"'],
        [b'Digest realm="r", nonce="a", algorithm=SHA-512-256'],
    ],
)
def test_challenges_we_do_not_answer(values: list[bytes]) -> None:
    """Basic (TR-069 forbids it here), unknown algorithms, auth-int alone, no nonce."""
    with pytest.raises(BadChallenge):
        parse_challenge(values)


def test_basic_only_when_allowed() -> None:
    """By configuration, Basic is answered."""
    found = parse_challenge([b'Basic realm="b"'], allow_basic=True)
    assert authorize_request(found, "GET", "/", "u", "p", "", 1) == b"Basic " + b64encode(b"u:p")


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_rfc7616_answers(algorithm: str, response: str) -> None:
    """Section 3.9.1: our client computes both responses of the example."""
    found = Challenge("digest", "http-auth@example.org", RFC7616_NONCE, "op", algorithm, "auth")
    header = authorize_request(found, "GET", "/dir/index.html", "Mufasa", "Circle of Life", RFC7616_CNONCE, 1)
    assert f'response="{response}"'.encode() in header
    assert b'opaque="op"' in header
    assert b"qop=auth, nc=00000001, " in header


def test_session_variant_and_legacy_answers() -> None:
    """MD5-sess carries its cnonce; without qop there is neither nc nor cnonce."""
    session = Challenge("digest", "r", "n", algorithm="MD5-sess")
    assert b'cnonce="c"' in authorize_request(session, "GET", "/", "u", "p", "c", 1)
    legacy = authorize_request(Challenge("digest", "r", "n"), "GET", "/", "u", "p", "c", 1)
    assert b"nc=" not in legacy
    assert b"cnonce" not in legacy
    assert verify_digest(parse_authorization(legacy), "GET", ha1("u", "r", "p"))


def test_control_characters_never_leave() -> None:
    """A user or uri that would end the header is refused."""
    with pytest.raises(ValueError, match="control"):
        authorize_request(Challenge("digest", "r", "n"), "GET", "/", "u\r\nX: y", "p", "c", 1)
