"""Tokens: which are taken, and of each that is not the one reason."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codenb.access import Access, Permits
from codenb.access._keys import SigningKey, VerifyingKey, new_key
from codenb.errors import BadInput, CredentialsRejected
from tests.access.issuer import AUDIENCE, ISSUER, WITHOUT, Issuer, part

patient = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])  # nothing is timed
HOUR = 3600
GOOD = Issuer()
FORGER = Issuer(new_key("2026-11"))
ACCESS = GOOD.access()


def now() -> int:
    return int(time.time())


def refusal(access: Access, token: object, **more: Any) -> str:
    """The reason why a token is not taken."""
    with pytest.raises(CredentialsRejected) as refused:
        access.authenticate(token, **more)
    said = str(refused.value)
    assert said.isprintable()  # one line, and nothing that would act on a terminal
    assert not (isinstance(token, str) and len(token) > 20 and token in said)
    return said.removeprefix("the token is not accepted: ")


def flipped(token: str) -> str:
    """The same token with one character of its signature another."""
    head, _, signature = token.rpartition(".")
    return f"{head}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"


def with_claims(token: str, **changed: Any) -> str:
    """A signed token whose claims were changed afterwards."""
    header, claims, signature = token.split(".")
    said = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    return ".".join((header, part(said | changed), signature))


def confused(key: SigningKey) -> str:
    """The classic: HS256 with the public key's file as the secret."""
    public = key.verifying.material.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed = f"{part(GOOD.header(alg='HS256'))}.{part(GOOD.claims())}"
    return f"{signed}.{part(hmac.new(public, signed.encode(), hashlib.sha256).digest())}"


def unsigned(algorithm: object = "none") -> str:
    return f"{part(GOOD.header(alg=algorithm))}.{part(GOOD.claims())}."


def embedding() -> str:
    """A forger's token that brings the forger's own key along."""
    public = FORGER.key.verifying.material.public_bytes(Encoding.Raw, PublicFormat.Raw)
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": part(public)}
    return FORGER.token({"jwk": jwk, "jku": "https://forger.example.org/keys", "x5c": ["AAAA"]})


BAD: dict[str, tuple[Callable[[], object], str]] = {
    "none at all": (lambda: None, "it is empty"),
    "empty": (lambda: "", "it is empty"),
    "bytes": (lambda: b"a.b.c", "it is not text"),
    "one part": (lambda: "secret", "it is malformed: a JWT is three parts of base64url with dots between"),
    "five parts, encrypted": (lambda: "a.b.c.d.e", "it is malformed: a JWT is three parts"),
    "with a line break": (lambda: f"{GOOD.token()}\n", "it is malformed: a JWT is three parts"),
    "not ASCII": (lambda: f"{GOOD.token()}é", "it is malformed: a JWT is three parts"),
    "half a pair": (lambda: f"{GOOD.token()}\ud800", "it is malformed: a JWT is three parts"),
    "with the word Bearer": (lambda: f"Bearer {GOOD.token()}", "it begins with the word Bearer"),
    "huge": (lambda: GOOD.token(extra="x" * 10_000), "characters, and at most 8,192 are taken"),
    "header no JSON": (lambda: "AAAA.AAAA.AAAA", "it is malformed: its header cannot be read"),
    "header a list": (lambda: f"{part(['EdDSA'])}.{part({})}.AAAA", "it is malformed: its header cannot be read"),
    "header nested deep": (
        lambda: f"{part(b'[' * 4000)}.{part({})}.AAAA",
        "it is malformed: its header cannot be read",
    ),
    "no algorithm": (lambda: GOOD.token({"alg": WITHOUT}), "it is malformed: its header names no algorithm"),
    "algorithm no text": (lambda: GOOD.token({"alg": ["EdDSA"]}), "it is malformed: its header names no algorithm"),
    "algorithm none": (unsigned, "it is not signed (alg none)"),
    "algorithm nOnE": (lambda: unsigned("nOnE"), "it is not signed (alg none)"),
    "another algorithm": (lambda: GOOD.token({"alg": "RS256"}), "it is signed with 'RS256', and EdDSA is the one"),
    "the public key as a secret": (lambda: confused(GOOD.key), "it is signed with 'HS256', and EdDSA is the one"),
    "key id unknown": (lambda: GOOD.token({"kid": "2026-10"}), "its key id '2026-10' is not known"),
    "key id a path": (lambda: GOOD.token({"kid": "../../dev/null"}), "its key id '../../dev/null' is not known"),
    "key id a number": (lambda: GOOD.token({"kid": 1}), "it is malformed: its key id is not text"),
    "key id null": (lambda: GOOD.token({"kid": None}), "it is malformed: its key id is not text"),
    "a grant": (lambda: GOOD.token({"typ": "codenb-grant+jwt"}), "it is of another kind (typ 'codenb-grant+jwt')"),
    "type a list": (lambda: GOOD.token({"typ": ["JWT"]}), "it is of another kind (typ ['JWT'])"),
    "critical extension": (lambda: GOOD.token({"crit": ["exp"]}), "it is malformed"),
    "payload not encoded": (lambda: GOOD.token({"b64": False, "crit": ["b64"]}), "it is malformed"),
    "signed by a forger": (FORGER.token, "its signature is wrong: it was altered, or made with another key"),
    "with the forger's key in it": (embedding, "its signature is wrong"),
    "signature cut": (lambda: GOOD.token()[:-2], "its signature is wrong"),
    "signature of one character": (
        lambda: GOOD.token().rpartition(".")[0] + ".A",
        "it is malformed: its signature is cut or damaged",
    ),
    "claims of one character": (lambda: f"{part(GOOD.header())}.A.AAAA", "it is malformed: its claims cannot be read"),
    "signature left out": (lambda: GOOD.token().rpartition(".")[0] + ".", "its signature is wrong"),
    "signature altered": (lambda: flipped(GOOD.token()), "its signature is wrong"),
    "claims altered": (lambda: with_claims(GOOD.token(), sub="root"), "its signature is wrong"),
    "altered and expired": (lambda: with_claims(GOOD.token(), exp=1), "its signature is wrong"),
    "claims a list": (lambda: GOOD.sign(GOOD.header(), ["ci"]), "it is malformed: its claims cannot be read"),
    "claims no JSON": (lambda: GOOD.sign(GOOD.header(), b"\xff{"), "it is malformed: its claims cannot be read"),
    "claims nested deep": (lambda: GOOD.sign(GOOD.header(), b"[" * 5000), "it is malformed: its claims cannot be read"),
    "expired": (lambda: GOOD.token(exp=now() - HOUR), "it expired at "),
    "no expiry": (lambda: GOOD.token(exp=WITHOUT), "the claim exp is missing"),
    "expiry null": (lambda: GOOD.token(exp=None), "the claim exp is missing"),
    "expiry text": (lambda: GOOD.token(exp="tomorrow"), "its exp is no time"),
    "expiry digits in quotes": (lambda: GOOD.token(exp=str(now() + HOUR)), "its exp is no time"),
    "expiry true": (lambda: GOOD.token(exp=True), "its exp is no time"),
    "expiry not a number": (lambda: GOOD.token(exp=float("nan")), "its exp is no time"),
    "expiry never": (lambda: GOOD.token(exp=float("inf")), "its exp is no time"),
    "expiry after the year 9999": (lambda: GOOD.token(exp=10**15), "its exp is no time"),
    "expiry in the last second that there is": (lambda: GOOD.token(exp=253_402_300_799), "its exp is no time"),
    "expiry of 5,000 digits": (
        lambda: GOOD.sign(GOOD.header(), b'{"exp": ' + b"9" * 5000 + b"}"),
        "it is malformed: its claims cannot be read",
    ),
    "not yet valid": (lambda: GOOD.token(nbf=now() + HOUR), "it is not valid before "),
    "not-before a list": (lambda: GOOD.token(nbf=[1]), "its nbf is no time"),
    "issued in the future": (lambda: GOOD.token(iat=now() + HOUR), "it is not valid before "),
    "issued at text": (lambda: GOOD.token(iat="now"), "its iat is no time"),
    "another audience": (lambda: GOOD.token(aud="shop"), "it is for another audience ('shop'), not 'codenb'"),
    "other audiences": (lambda: GOOD.token(aud=["a", "b"]), "it is for another audience (['a', 'b']), not 'codenb'"),
    "audience with a beginning alike": (lambda: GOOD.token(aud="codenb2"), "it is for another audience ('codenb2')"),
    "audience a number": (lambda: GOOD.token(aud=7), "it is for another audience (7), not 'codenb'"),
    "no audience": (lambda: GOOD.token(aud=WITHOUT), "the claim aud is missing"),
    "audience empty": (lambda: GOOD.token(aud=[]), "the claim aud is missing"),
    "another issuer": (lambda: GOOD.token(iss="https://forger.example.org"), "it is from another issuer ("),
    "issuer a list": (lambda: GOOD.token(iss=[ISSUER]), "it is from another issuer (["),
    "no issuer": (lambda: GOOD.token(iss=WITHOUT), "the claim iss is missing"),
    "no principal": (lambda: GOOD.token(sub=WITHOUT), "the claim sub is missing"),
    "principal a number": (lambda: GOOD.token(sub=1), "its sub is not text"),
    "principal empty": (lambda: GOOD.token(sub=""), "its sub is empty"),
    "principal with a space": (lambda: GOOD.token(sub="ci "), "its sub is empty, or begins or ends with a space"),
    "principal of two lines": (lambda: GOOD.token(sub="ci\nroot"), "its sub holds characters that cannot be seen"),
    "principal written backwards": (lambda: GOOD.token(sub="a\u202eic"), "its sub holds characters that cannot be"),
    "principal with a joiner": (lambda: GOOD.token(sub="c\u200di"), "its sub holds characters that cannot be seen"),
    "principal in full width": (lambda: GOOD.token(sub="\uff43i"), "its sub is written with characters that stand for"),
    "principal very long": (lambda: GOOD.token(sub="c" * 300), "its sub has more than 256 characters"),
    "principal local": (lambda: GOOD.token(sub="local"), "its sub is local, which is kept for another use"),
    "principal nobody": (lambda: GOOD.token(sub="nobody"), "its sub is nobody, which is kept for another use"),
    "principal everybody": (lambda: GOOD.token(sub="*"), "its sub is *, which is kept for another use"),
    "token id a number": (lambda: GOOD.token(jti=1), "its jti is not text"),
    "tools a text": (lambda: GOOD.token(codenb_tools="*/*"), "its codenb_tools is no list of patterns"),
    "tools of another form": (lambda: GOOD.token(codenb_tools=["*"]), "'*' is no permit on a tool"),
    "tools not text": (lambda: GOOD.token(codenb_tools=[["*/*"]]), "permits on a tool are"),
    "too many tools": (lambda: GOOD.token(codenb_tools=["a/b"] * 201), "201 patterns on a tool: 200 at most"),
    "resources null": (lambda: GOOD.token(codenb_resources=None), "its codenb_resources is no list of patterns"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_token_is_refused_with_its_reason(case: str) -> None:
    """Whoever operates a server can tell an expired token from a forged one, by one line that never holds the token."""
    make, reason = BAD[case]

    assert reason in refusal(ACCESS, make())


def test_the_token_beside_the_bad_ones_is_taken() -> None:
    """Every bad token differs from this one in one thing; were it refused too, the table would show nothing."""
    principal = ACCESS.authenticate(GOOD.token())

    assert (principal.name, principal.proof) == ("ci", "token")
    assert principal.permits == Permits(("deployment/validate_*",))
    assert principal.may_call("deployment", "validate_deployment")
    assert not principal.may_call("deployment", "apply_terraform")


def rsa_key() -> SigningKey:
    return SigningKey("rsa", "RS256", rsa.generate_private_key(65537, 2048))


@pytest.mark.parametrize("make", [new_key, lambda name: new_key(name, "ES256"), lambda name: new_key(name, "HS256")])
def test_each_algorithm_signs_and_checks(make: Callable[[str], SigningKey]) -> None:
    """EdDSA, ES256 and HS256 work, and none of them takes a token of another key of the same kind."""
    one, other = Issuer(make("key")), Issuer(make("key"))

    assert one.access().authenticate(one.token()).name == "ci"
    assert refusal(one.access(), other.token()).startswith("its signature is wrong")


def test_rsa_signs_and_checks() -> None:
    """Most identity providers sign with RS256."""
    issuer = Issuer(rsa_key())

    assert issuer.access().authenticate(issuer.token()).name == "ci"


def test_the_algorithm_is_that_of_the_key_that_is_named() -> None:
    """While keys of two kinds overlap, a token cannot pick the algorithm of one for the key of the other."""
    second = Issuer(new_key("2026-12", "ES256"))
    access = GOOD.access(second.key)

    assert access.authenticate(second.token()).name == "ci"
    assert "and EdDSA is the one that is taken" in refusal(access, second.token({"kid": GOOD.key.name}))
    assert "and ES256 is the one that is taken" in refusal(access, GOOD.token({"kid": second.key.name}))


def test_keys_rotate_by_their_id() -> None:
    """Both keys are good while they overlap; a key that was taken out is not known any more."""
    new = Issuer(new_key("2026-12"))
    both, after = GOOD.access(new.key), new.access()

    assert both.authenticate(GOOD.token()).name == both.authenticate(new.token()).name == "ci"
    assert after.authenticate(new.token()).name == "ci"
    assert refusal(after, GOOD.token()) == "its key id '2026-11' is not known"


def test_a_token_without_key_id_is_taken_where_there_is_one_key() -> None:
    """Small issuers send no id; with two keys guessing would be trying, so it is refused."""
    token = GOOD.token({"kid": WITHOUT})

    assert ACCESS.authenticate(token).name == "ci"
    assert refusal(GOOD.access(new_key("2026-12")), token) == "it names no key (kid), and there are several"


def test_no_key_takes_no_token() -> None:
    """An access without keys lets nobody in."""
    assert "there is no key" in refusal(Access({}, ISSUER, (AUDIENCE,)), GOOD.token({"kid": WITHOUT}))


@pytest.mark.parametrize("typ", [WITHOUT, "JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt"])
def test_what_issuers_say_of_the_kind_of_token_is_taken(typ: object) -> None:
    """RFC 9068 wants at+jwt, most issuers say JWT, and some say nothing."""
    assert ACCESS.authenticate(GOOD.token({"typ": typ})).name == "ci"


def test_an_audience_of_its_own_stands_in_for_the_configured_one() -> None:
    """A server behind its own address takes tokens for that address, and those alone."""
    there = "https://runbooks.example.org/kubernetes/mcp"

    assert ACCESS.authenticate(GOOD.token(aud=[there, "other"]), audience=there).name == "ci"
    assert refusal(ACCESS, GOOD.token(), audience=there).startswith("it is for another audience ('codenb')")


def test_any_of_several_audiences_is_enough() -> None:
    """A server that moved answers to its old name for a while."""
    access = Access({GOOD.key.name: GOOD.key.verifying}, ISSUER, ("codenb", "runbooks"))

    assert access.authenticate(GOOD.token(aud="runbooks")).name == "ci"
    assert refusal(access, GOOD.token(aud="x")) == "it is for another audience ('x'), not 'codenb' or 'runbooks'"


def test_another_claim_may_name_the_principal() -> None:
    """Where tokens carry `user_id`, that is who calls, and `sub` is neither needed nor believed."""
    access = GOOD.access(principal_claim="user_id").permit("zoe", "kubernetes/*")

    assert access.authenticate(GOOD.token(user_id="zoe", sub="root")).name == "zoe"
    assert access.authenticate(GOOD.token(user_id="zoe", sub=WITHOUT)).may_call("kubernetes", "get_pods")
    assert refusal(access, GOOD.token(user_id=WITHOUT)) == "the claim user_id is missing"
    assert refusal(access, GOOD.token(user_id={"name": "zoe"})) == "its user_id is not text"


def test_clocks_may_differ_by_the_leeway_and_no_more() -> None:
    """Machines differ by seconds; a token from beyond the leeway is refused, on either side of its life."""
    lax, strict = GOOD.access(leeway_s=120), GOOD.access(leeway_s=0)
    just_expired, ahead = GOOD.token(exp=now() - 1), GOOD.token(nbf=now() + 60, iat=now() + 60)

    assert lax.authenticate(just_expired).name == lax.authenticate(ahead).name == "ci"
    assert refusal(strict, just_expired).startswith("it expired at ")
    assert refusal(strict, ahead).startswith("it is not valid before ")
    assert refusal(lax, GOOD.token(exp=now() - 121)).startswith("it expired at ")


def test_a_token_for_centuries_has_an_end() -> None:
    """The end of a token and its leeway ran over what a date can be, and that was an exception of Python's."""
    principal = GOOD.access(leeway_s=120).authenticate(GOOD.token(exp=253_402_214_400))

    assert principal.expires_at == datetime(9999, 12, 31, 0, 2, tzinfo=UTC)


@pytest.mark.parametrize("leeway_s", [-1, 121, 86400, float("nan"), float("inf")])
def test_the_leeway_is_bounded(leeway_s: float) -> None:
    """A leeway of a day would make every token live a day longer."""
    with pytest.raises(BadInput, match=r"leeway_s is .*: give 0 to 120 seconds"):
        GOOD.access(leeway_s=leeway_s)


def test_a_principal_knows_until_when_it_is_one() -> None:
    """Expiry is the token's, and the leeway that was granted when it was checked."""
    until = now() + 600

    principal = GOOD.access(leeway_s=30).authenticate(GOOD.token(exp=until))

    assert principal.expires_at == datetime.fromtimestamp(until, UTC) + timedelta(seconds=30)


def test_a_refusal_quotes_what_it_must_and_escapes_it() -> None:
    """The reason stands in an HTTP header and on a terminal: no quote, no line break, no escape, no megabyte."""
    reason = refusal(ACCESS, GOOD.token(aud='x"\r\nSet-Cookie: a\x1b[31m' + "é" * 2000))

    assert reason.isascii()
    assert not set('"\r\n\\\x1b') & set(reason)
    assert len(reason) < 200


def test_neither_key_nor_token_is_in_any_text() -> None:
    """What is printed, logged or shown of an access or a principal holds no secret."""
    issuer = Issuer(SigningKey("k", "HS256", b"correct-horse-battery-staple-0123456789"))
    access, token = issuer.access(), issuer.token()

    shown = f"{access!r} {access} {issuer.key!r} {issuer.key.verifying!r} {access.authenticate(token)!r}"

    assert "correct-horse" not in shown
    assert token.rpartition(".")[2] not in shown


def test_an_access_of_ones_own_signs_tokens_that_it_takes() -> None:
    """In a notebook one line makes who may what, and another the token."""
    access = Access.permit("ci", "deployment/validate_*").permit("ops", "*/*", resources=["*/*"])

    ci, ops = access.authenticate(access.token("ci")), access.authenticate(access.token("ops"))

    assert (ci.may_call("kubernetes", "get_pods"), ops.may_call("kubernetes", "get_pods")) == (False, True)
    assert refusal(Access.permit("ci", "*/*"), access.token("ci")).startswith("its signature is wrong")


def test_an_access_shows_who_may_what_and_no_key() -> None:
    """In a notebook the last line of a cell is a table of permits, in which a name from outside is text."""
    access = Access.permit("<b>ci</b>", "deployment/validate_*").permit("*", "*/get_*")

    shown = access._repr_mimebundle_()

    assert "everybody with a token" in shown["text/plain"]
    assert "deployment/validate_*" in shown["text/plain"]
    assert "&lt;b&gt;ci&lt;/b&gt;" in shown["text/html"]
    assert "object at" not in shown["text/plain"] + shown["text/html"]


def test_permits_add_up_and_the_access_before_stays_as_it_was() -> None:
    """A chain of permits drops none of them, and an access that was handed out does not change."""
    first = Access.permit("ci", "a/b")
    second = first.permit("ci", "a/c", resources=["a/x://*"]).permit("*", "d/e")

    assert second.authenticate(second.token("ci")).permits == Permits(("d/e", "a/b", "a/c"), ("a/x://*",))
    assert second.authenticate(second.token("zoe")).permits == Permits(("d/e",))
    assert first.authenticate(first.token("ci")).permits == Permits(("a/b",))


def test_a_principal_that_nobody_named_may_do_nothing() -> None:
    """Deny by default: a good token alone permits nothing but what a server says of itself."""
    stranger = ACCESS.authenticate(GOOD.token(sub="stranger"))

    assert not stranger.may_call("deployment", "validate_deployment")
    assert stranger.may_read("deployment", "about://server")
    assert not stranger.may_read("deployment", "memory://deployment")


@pytest.mark.parametrize(
    ("claimed", "calls"),
    [
        (["deployment/*"], {"validate_x": True, "apply_x": False}),
        (["deployment/apply_*"], {"validate_x": False, "apply_x": False}),
        ([], {"validate_x": False, "apply_x": False}),
    ],
)
def test_both_the_token_and_the_configuration_have_to_allow(claimed: list[str], calls: dict[str, bool]) -> None:
    """A token narrows what its principal may do and never widens it; one that names nothing may do nothing."""
    principal = ACCESS.authenticate(GOOD.token(codenb_tools=claimed))

    assert {tool: principal.may_call("deployment", tool) for tool in calls} == calls


def test_a_token_of_somebody_unnamed_carries_its_own_permits() -> None:
    """Where the configuration names nobody of that name, what the issuer signed decides, and nothing else."""
    principal = ACCESS.authenticate(GOOD.token(sub="zoe", codenb_tools=["kubernetes/get_*"]))

    assert principal.may_call("kubernetes", "get_pods")
    assert not principal.may_call("kubernetes", "scale_deployment")
    assert not principal.may_read("kubernetes", "memory://kubernetes")


@pytest.mark.parametrize("ttl_s", [0, -1, 86_401, float("nan"), float("inf"), True])
def test_a_token_lives_at_most_a_day(ttl_s: float) -> None:
    """A development token that is forgotten somewhere is worthless tomorrow."""
    with pytest.raises(BadInput, match="a token lives more than 0 and at most"):
        Access.own().token("ci", ttl_s=ttl_s)


def test_a_configured_access_signs_nothing() -> None:
    """Who checks tokens of an issuer holds its public key only."""
    with pytest.raises(BadInput, match=r"this access takes tokens that https://login\.example\.org makes"):
        ACCESS.token("ci")


@pytest.mark.parametrize("principal", ["", " ", "local", "nobody", "a\nb", "x" * 300, 3])
def test_nobody_is_permitted_whom_no_token_can_name(principal: Any) -> None:
    """A permit that can never be used is a mistake that is said where it is made."""
    with pytest.raises(BadInput, match="can be nobody's name: it "):
        Access.permit(principal, "a/b")


@pytest.mark.parametrize("audiences", [(), ("",), "codenb", ["codenb"], (1,)])
def test_an_access_without_audience_is_none(audiences: Any) -> None:
    """Tokens that were made for somebody else must not be good here because nothing was written."""
    with pytest.raises(BadInput, match="audiences is a tuple of names"):
        Access({GOOD.key.name: GOOD.key.verifying}, ISSUER, audiences)


@patient
@given(
    at=st.integers(0, 2**16), char=st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=")
)
def test_a_token_with_one_character_changed_is_not_the_token(at: int, char: str) -> None:
    """Whatever is altered on the way, header, claims or signature, is noticed."""
    token = GOOD.token()
    at %= len(token)
    if token[at] == char:
        return

    with pytest.raises(CredentialsRejected):
        ACCESS.authenticate(token[:at] + char + token[at + 1 :])


def taken_or_refused(token: str) -> str:
    """Whom a token names; empty where it is refused. Anything else that is raised is a fault."""
    try:
        return ACCESS.authenticate(token).name
    except CredentialsRejected:
        refusal(ACCESS, token)
        return ""


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = ["exp", "nbf", "iat", "aud", "iss", "sub", "jti", "codenb_tools", "codenb_resources"]


@patient
@given(claims=st.dictionaries(st.sampled_from(NAMES), json_values, max_size=4))
def test_signed_nonsense_is_refused_or_makes_a_principal(claims: dict[str, Any]) -> None:
    """An issuer's mistake ends in one line for a person, never in an exception of a library."""
    assert taken_or_refused(GOOD.token(**claims)) in (claims.get("sub", "ci"), "")


@patient
@given(header=st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jwk", "zip"]), json_values))
def test_a_signed_header_of_nonsense_is_refused_in_one_line(header: dict[str, Any]) -> None:
    """The header is read before anything is proved, so it may be anything."""
    assert taken_or_refused(GOOD.token(header)) in ("ci", "")


@patient
@given(st.text() | st.from_regex(r"[A-Za-z0-9_-]{1,40}\.[A-Za-z0-9_-]{1,40}\.[A-Za-z0-9_-]{0,40}", fullmatch=True))
def test_any_text_is_refused_in_one_line(text: str) -> None:
    """What arrives from outside is refused with our own error, whatever it is."""
    with pytest.raises(CredentialsRejected, match=r"^the token is not accepted: "):
        ACCESS.authenticate(text)


def test_pyjwt_takes_what_we_sign() -> None:
    """Tokens of ours are ordinary ones, that any other library reads."""
    access = Access.permit("ci", "a/b")
    key: VerifyingKey = access.keys["own"]

    claims = jwt.decode(access.token("ci", tools=["a/b"]), key.material, algorithms=["EdDSA"], audience="codenb")

    assert (claims["sub"], claims["iss"], claims["codenb_tools"]) == ("ci", "codenb:own", ["a/b"])
    assert claims["exp"] - claims["iat"] == HOUR


def test_a_curve_other_than_its_own_is_no_key_for_es256() -> None:
    """PyJWT checks the curve as well as we do when a key is read: a P-384 key must not pass as ES256."""
    odd = VerifyingKey("odd", "ES256", ec.generate_private_key(ec.SECP384R1()).public_key())
    signer = Issuer(new_key("odd", "ES256"))

    reason = refusal(Access({"odd": odd}, ISSUER, (AUDIENCE,)), signer.token())

    assert reason == "it is malformed: its claims cannot be read"
