"""Signed approvals over the real protocol: what is not exactly one, for exactly this change, changes nothing."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp import Client
from mcp.types import ElicitResult

from codenb.access import ApprovalKeys, fingerprint, sign_grant, verify_grant
from codenb.access._grants import bound
from codenb.access._keys import SigningKey, new_key, read_private, write_pair
from codenb.errors import BadInput, ConfigError, GrantRejected
from codenb.models import Preview
from codenb.servers._base import Server
from codenb.servers._base._store import Claim, PreviewStore
from tests.servers_base.people import Person, error_type, read_json, text
from tests.servers_base.test_replay import Round
from tests.servers_base.toy import UID, Toy, serve, settings

ALICE = "alice@example.org"
SET = {"name": "checkout", "value": 6}
TYPE = "codenb-grant+jwt"

Forge = Callable[[Preview], str]


@dataclass
class Office:
    """Who may approve here: Alice with an Ed25519 key, Bob with a P-256 one and one that was revoked."""

    folder: Path
    keys: dict[str, SigningKey] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, algorithm in (("alice", "EdDSA"), ("bob", "ES256"), ("lost", "EdDSA"), ("stranger", "EdDSA")):
            files = write_pair(self.folder, name, algorithm)  # type: ignore[arg-type]
            self.keys[name] = read_private(files.private)

    @property
    def table(self) -> dict[str, Any]:
        """`[approval]` in codenb.toml."""
        paths = {name: str(self.folder / f"{name}.pub") for name in self.keys}
        return {
            "keys": {ALICE: paths["alice"], "bob": [paths["bob"], paths["lost"]]},
            "revoked": [fingerprint(self.keys["lost"].verifying)],
        }

    def claims(self, preview: Preview, **changed: Any) -> dict[str, Any]:
        now = int(datetime.now(UTC).timestamp())
        usual = {"iss": "codenb approve", "sub": ALICE, "iat": now, "exp": now + 900, "jti": "f" * 32}
        return {name: value for name, value in (bound(preview) | usual | changed).items() if value is not None}

    def header(self, name: str = "alice", **changed: Any) -> dict[str, Any]:
        usual = {"kid": fingerprint(self.keys[name].verifying), "typ": TYPE}
        return {key: value for key, value in (usual | changed).items() if value is not None}

    def token(self, preview: Preview, *, by: str = "alice", header: dict[str, Any] | None = None, **claims: Any) -> str:
        """A grant with something wrong, signed all the same."""
        key = self.keys[by]
        made = self.header(by) if header is None else header
        return jwt.encode(self.claims(preview, **claims), key.material, algorithm=key.algorithm, headers=made)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    """Keys for all tests; making them is quick, reading PEM is not free."""
    return Office(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    """A counter in a file."""
    return Toy(tmp_path)


@pytest.fixture
def server(toy: Toy, office: Office) -> Server:
    """Its server, which takes signed approvals only."""
    return serve(toy, settings(toy.backend.folder, approval=office.table))


class Signer(Person):
    """Somebody who answers every question with yes and a grant made of the preview that the server keeps."""

    def __init__(self, server: Server, grant: Forge) -> None:
        super().__init__(self.signed)
        self.server, self.grant = server, grant

    async def signed(self, message: str, reference: str) -> ElicitResult:
        preview = await self.server.preview(reference)
        assert preview
        content = {"approve": True, "preview": reference, "grant": self.grant(preview)}
        return ElicitResult(action="accept", content=content)


def part(data: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(data).encode()).rstrip(b"=").decode()


def in_seconds(seconds: int) -> int:
    return int(datetime.now(UTC).timestamp()) + seconds


def with_public_key_as_secret(office: Office, preview: Preview) -> str:
    """The classic: the public key, which everybody has, as the secret of an HMAC."""
    secret = (office.folder / "alice.pub").read_bytes()
    body = f"{part(office.header() | {'alg': 'HS256'})}.{part(office.claims(preview))}"
    mark = hmac.digest(secret, body.encode(), hashlib.sha256)
    return f"{body}.{base64.urlsafe_b64encode(mark).rstrip(b'=').decode()}"


def altered(office: Office, preview: Preview) -> str:
    """A good grant for another change, with this one's claims put in."""
    head, _, mark = office.token(preview, digest="0" * 64).split(".")
    return f"{head}.{part(office.claims(preview))}.{mark}"


def unsigned(office: Office, preview: Preview) -> str:
    return jwt.encode(office.claims(preview), None, algorithm="none", headers=office.header())


def of(name: str, office: Office, preview: Preview) -> str:
    return sign_grant(preview, office.keys[name])


def under_anothers_key_id(office: Office, preview: Preview, by: str) -> str:
    return office.token(preview, by=by, header=office.header("alice"))


def for_no_time(office: Office, preview: Preview) -> str:
    return office.token(preview, iat=(now := in_seconds(29)), exp=now)


Wrong = Callable[[Office, Preview], str]


def lacks(claim: str) -> tuple[Wrong, str]:
    return lambda office, preview: office.token(preview, **{claim: None}), f"lacks the claim '{claim}'"


def says(words: str, **claims: Any) -> tuple[Wrong, str]:
    return lambda office, preview: office.token(preview, **claims), words


def headed(words: str, **header: Any) -> tuple[Wrong, str]:
    return lambda office, preview: office.token(preview, header=office.header(**header)), words


BAD: dict[str, tuple[Wrong, str]] = {
    "missing": (lambda *_: "", "takes a signed approval only"),
    "no token": (lambda *_: "yes, please", "is not in the form of one"),
    "three empty parts": (lambda *_: "..", "is not in the form of one"),
    "no text": (lambda *_: "\ud83d.\x00.\n", "is not in the form of one"),
    "too large": (lambda *_: "a" * 10_000, "has 10,000 characters"),
    "deep": (lambda *_: f"{part({})[:-2]}.{'e30' * 2000}.", "is not in the form of one"),
    "unsigned": (unsigned, "names the algorithm 'none'"),
    "public key as secret": (with_public_key_as_secret, "names the algorithm 'HS256'"),
    "another algorithm's key": (partial(under_anothers_key_id, by="bob"), "names the algorithm 'ES256'"),
    "forged": (partial(under_anothers_key_id, by="stranger"), "is forged or was altered"),
    "altered": (altered, "is forged or was altered"),
    "unknown key": (partial(of, "stranger"), "does not name, with the fingerprint"),
    "revoked key": (partial(of, "lost"), "key of bob that was revoked"),
    "no key id": headed("which key signed it", kid=None),
    "a token for access": headed("a token of another kind", typ="JWT"),
    "a key of its own": headed("has 'jwk' in its header", jwk={"kty": "OKP"}),
    "critical extension": headed("Critical extension", crit=["b64"], b64=True),
    "expired": says("expired", iat=in_seconds(-7200), exp=in_seconds(-3600)),
    "not yet valid": says("is not valid yet", iat=in_seconds(3600), exp=in_seconds(4000)),
    "not before": says("is not valid yet", nbf=in_seconds(3600)),
    "for days": says("over 60 minutes", exp=in_seconds(86_400)),
    "without end": says("over 60 minutes|cannot be used", exp=10**400),
    "ends as it begins": (for_no_time, "over 60 minutes, or for no time"),
    "a time in words": says("cannot be used", exp="tomorrow"),
    **{f"no {claim}": lacks(claim) for claim in ("iss", "sub", "aud", "iat", "exp", "jti", "place", "digest", "shown")},
    "another issuer": says("was not issued by", iss="somebody"),
    "another server": says("is for another server than toy", aud="kubernetes"),
    "several servers": says("is for another server|cannot be used", aud=["toy", "kubernetes"]),
    "another name": says("says that 'bob' approved, but it is signed with the key of alice", sub="bob"),
    "no id": says("has no id", jti="x"),
    "an id that is no text": says("cannot be used", jti=7),
    "another cluster": says("is for another place, 7d9e, and this is", place="7d9e"),
    "another tool": says("is for another tool, restart, and this is set_count", tool="restart"),
    "other arguments": says("is for other arguments", arguments="0" * 64),
    "another schema": says("before this tool changed", schema="0" * 64),
    "another change": says("the state has moved since", digest="0" * 64),
    "shown otherwise": says("shown otherwise", shown="0" * 64),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_grant_is_refused_with_its_reason(name: str, server: Server, toy: Toy, office: Office) -> None:
    """Nothing is consumed by it and nothing written: the preview still waits for a good one."""
    wrong, words = BAD[name]
    signer = Signer(server, partial(wrong, office))
    async with Client(server.mcp, elicitation_callback=signer) as client:
        result = await client.call_tool("set_count", SET)
        kept = Preview.from_dict(await read_json(client, f"preview://{signer.references[0]}"))

    assert error_type(result) == "GrantRejected"
    assert re.search(words, text(result)), text(result)
    assert "nothing was changed" in text(result)
    assert not kept.begun
    assert toy.backend.writes() == []


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize("name", ["alice", "bob"])
async def test_a_good_grant_is_carried_out_and_names_its_signer(
    name: str, server: Server, toy: Toy, office: Office, mode: str
) -> None:
    """In both eras and with both kinds of key; the outcome that the server keeps says who approved, by the key."""
    signer = Signer(server, partial(of, name, office))
    async with Client(server.mcp, mode=mode, elicitation_callback=signer) as client:
        result = await client.call_tool("set_count", SET)
        kept = Preview.from_dict(await read_json(client, f"preview://{signer.references[0]}"))

    assert not result.is_error, text(result)
    assert toy.backend.writes() == [(6, "")]
    assert kept.outcome
    assert kept.outcome.decision
    assert (kept.outcome.decision.proof, kept.outcome.decision.by) == ("key", {"alice": ALICE, "bob": "bob"}[name])
    assert kept.outcome.decision.grant == ""


async def test_one_grant_for_two_previews_of_one_digest_counts_once(server: Server, toy: Toy, office: Office) -> None:
    """After 3 -> 6 and back by somebody else, 3 -> 6 has the same digest; the old signature must not carry it."""
    grants: list[str] = []

    def the_first(preview: Preview) -> str:
        grants.append(grants[0] if grants else of("alice", office, preview))
        return grants[0]

    signer = Signer(server, the_first)
    async with Client(server.mcp, elicitation_callback=signer) as client:
        done = await client.call_tool("set_count", SET)
        toy.backend.move("checkout", 3)
        toy.backend.write("checkout", 3, version=toy.backend.read("checkout")[1])
        again = await client.call_tool("set_count", SET)
        kept = Preview.from_dict(await read_json(client, f"preview://{signer.references[1]}"))

    assert not done.is_error, text(done)
    assert {one.partition(".")[0] for one in signer.references} == {kept.digest}
    assert error_type(again) == "GrantRejected"
    assert "used before" in text(again)
    assert not kept.begun
    assert [value for value, _ in toy.backend.writes()] == [6, 3]


async def test_two_grants_for_one_preview_change_the_counter_once(server: Server, toy: Toy, office: Office) -> None:
    """Two approvers who both sign do not make it happen twice."""
    async with Client(server.mcp, elicitation_callback=Person()) as client:
        last = await Round.first(client)
        preview = await server.preview(last.reference)
        assert preview
        results = []
        for name in ("alice", "bob"):
            (key,) = last.responses
            content = {"approve": True, "preview": last.reference, "grant": of(name, office, preview)}
            last.responses = {key: ElicitResult(action="accept", content=content)}
            results.append(await last.send(client))

    assert [bool(result.is_error) for result in results] == [False, True]  # type: ignore[union-attr]
    assert error_type(results[1]) == "PreviewUsed"
    assert toy.backend.writes() == [(6, "")]


async def test_a_tool_that_changed_since_takes_no_earlier_grant(server: Server, toy: Toy, office: Office) -> None:
    """A run previews anew on a server that was updated: the digest is the same, and the arguments may mean another."""
    before = await signed_now(server, office)
    server.mcp.registered("set_count").parameters["properties"]["value"]["description"] = "How many to add."
    async with Client(server.mcp, elicitation_callback=Signer(server, lambda _: before)) as client:
        result = await client.call_tool("set_count", SET)

    assert error_type(result) == "GrantRejected"
    assert "before this tool changed" in text(result)
    assert toy.backend.writes() == []


async def signed_now(server: Server, office: Office) -> str:
    """A good grant for the change as it is now, not used."""
    async with Client(server.mcp) as client:
        answer = await client.call_tool("preview_change", {"tool": "set_count", "arguments": SET})
    return of("alice", office, Preview.from_dict(answer.structured_content))


async def test_a_tool_that_changed_since_takes_no_earlier_yes(toy: Toy) -> None:
    """Also without signatures: a server may be replaced while a person reads what its predecessor previewed."""
    server = serve(toy, settings(toy.backend.folder))
    async with Client(server.mcp, elicitation_callback=Person()) as client:
        last = await Round.first(client)
        server.mcp.registered("set_count").parameters["properties"]["value"]["description"] = "How many to add."
        result = await last.send(client)

    assert error_type(result) == "PreviewStale"
    assert "changed since it was previewed" in text(result)
    assert toy.backend.writes() == []


async def test_a_key_that_is_taken_out_approves_no_longer(toy: Toy, office: Office) -> None:
    """Whoever leaves the team is removed from the file, and what they signed before counts no more."""
    keys = {**office.table["keys"]}
    del keys[ALICE]
    server = serve(toy, settings(toy.backend.folder, approval={"keys": {"bob": keys["bob"]}}))
    async with Client(server.mcp, elicitation_callback=Signer(server, partial(of, "alice", office))) as client:
        result = await client.call_tool("set_count", SET)

    assert error_type(result) == "GrantRejected"
    assert "[approval.keys]" in text(result)
    assert toy.backend.writes() == []


def test_a_hidden_value_does_not_break_a_grant_but_what_else_was_shown_does(office: Office, toy: Toy) -> None:
    """Another process hides the same secret under another pseudonym; a summary that was rewritten is not the same."""
    keys = ApprovalKeys.of(settings(toy.backend.folder, approval=office.table))
    assert keys
    here, there = (hiding(mark) for mark in ("<redacted:secret:0a1b2c3d>", "<redacted:secret:ffffffff>"))
    rewritten = there.model_copy(update={"change": there.change.model_copy(update={"summary": "nothing much"})})
    token = sign_grant(there, office.keys["alice"])

    assert verify_grant(token, here, keys).by == ALICE
    with pytest.raises(GrantRejected, match="shown otherwise"):
        verify_grant(sign_grant(rewritten, office.keys["alice"]), here, keys)


def test_a_place_that_was_shown_under_another_name_is_not_the_one_that_was_approved(office: Office, toy: Toy) -> None:
    """Who edited pending.json had `production` read as `staging`: the digest knows a cluster by its uid alone, a person
    by its name, and the grant that she signed for the one was good for the other.
    """
    keys = ApprovalKeys.of(settings(toy.backend.folder, approval=office.table))
    assert keys
    here = hiding("<redacted:secret:0a1b2c3d>")
    renamed = [
        here.model_copy(update={"place": here.place.model_copy(update={part: "staging"})})
        for part in ("name", "address")
    ]

    assert verify_grant(sign_grant(here, office.keys["alice"]), here, keys).by == ALICE
    for shown in renamed:
        with pytest.raises(GrantRejected, match="shown otherwise"):
            verify_grant(sign_grant(shown, office.keys["alice"]), here, keys)


def hiding(value: str) -> Preview:
    now = datetime.now(UTC)
    return Preview.from_dict(
        {
            "id": "one",
            "digest": "d" * 64,
            "call": {"server": "toy", "tool": "set_count", "arguments": {"note": value}},
            "place": {"name": "toy", "address": "", "identity": UID},
            "change": {
                "summary": "set it",
                "entity": {"kind": "Counter", "name": "checkout"},
                "before": {"note": ""},
                "after": {"note": value},
            },
            "created_at": now,
            "expires_at": now + timedelta(minutes=30),
        }
    )


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"keys": {}}, "names nobody"),
        ({"keys": {"": "alice.pub"}}, "is no name"),
        ({"keys": {"alice": ""}}, "names no file"),
        ({"keys": {"alice": []}}, "names no file"),
        ({"keys": {"alice": 7}}, "not text"),
        ({"keys": {"alice": "nowhere.pub"}}, "cannot be read"),
        ({"keys": {"alice": "alice.key"}}, "is a private key"),
        ({"keys": {"alice": "rsa.pub"}}, "is a key for RS256"),
        ({"keys": {"alice": "open.pub"}}, "everybody may write"),
        ({"keys": {"alice": "alice.pub", "bob": "alice.pub"}}, "the same key stands under 'alice'"),
        ({"keys": {"alice": "alice.pub"}, "revoked": ["7d9e"]}, "the fingerprint of none of the keys"),
        ({"revoked": ["7d9e"]}, "where there are none"),
        ({"kyes": {"alice": "alice.pub"}}, "did you mean keys"),
    ],
)
def test_a_wrong_setting_is_said_before_anything_is_served(
    tmp_path: Path, office: Office, table: dict[str, Any], words: str
) -> None:
    """A misspelt table of keys must not leave a server that takes unsigned approvals."""
    from cryptography.hazmat.primitives import serialization as pem  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415

    for name in ("alice.pub", "alice.key"):
        (tmp_path / name).write_bytes((office.folder / name).read_bytes())
    (tmp_path / "open.pub").write_bytes((office.folder / "bob.pub").read_bytes())
    (tmp_path / "open.pub").chmod(0o666)
    public = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    (tmp_path / "rsa.pub").write_bytes(public.public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo))

    with pytest.raises(ConfigError, match=words):
        serve(Toy(tmp_path), settings(tmp_path, approval=table)).check()


@pytest.mark.parametrize("minutes", [0, 61, -5])
def test_a_grant_holds_for_minutes(office: Office, minutes: int) -> None:
    """Consent for next week is not given beforehand."""
    with pytest.raises(BadInput, match="between 1 and 60 minutes"):
        sign_grant(hiding("x"), office.keys["alice"], ttl=timedelta(minutes=minutes))


def test_a_shared_secret_signs_no_grant(office: Office) -> None:
    """Whoever can check it could forge it."""
    with pytest.raises(BadInput, match="Ed25519 or P-256"):
        sign_grant(hiding("x"), new_key("shared", "HS256"))


@given(at=st.integers(min_value=0, max_value=10_000), to=st.characters(min_codepoint=33, max_codepoint=126))
def test_a_grant_with_one_other_character_is_none(office: Office, at: int, to: str) -> None:
    """Whatever part of it is touched, the signature no longer holds, and no other error comes out than ours."""
    keys = ApprovalKeys.of(settings(office.folder, approval=office.table))
    assert keys
    preview = hiding("x")
    token = sign_grant(preview, office.keys["alice"])
    at %= len(token)
    touched = token[:at] + to + token[at + 1 :]

    if decoded(touched) != decoded(token):
        with pytest.raises(GrantRejected):
            verify_grant(touched, preview, keys)


@given(text=st.one_of(st.text(), st.from_regex(r"[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}")))
def test_no_text_gets_through_or_breaks_it(office: Office, text: str) -> None:
    """The grant is what the caller sends, and may be anything."""
    keys = ApprovalKeys.of(settings(office.folder, approval=office.table))
    assert keys
    with pytest.raises(GrantRejected):
        verify_grant(text, hiding("x"), keys)


def decoded(token: str) -> list[bytes] | str:
    """The bytes of each part: the last character of one has bits that stand for nothing."""
    try:
        return [
            base64.b64decode(one + "=" * (-len(one) % 4), altchars=b"-_", validate=True) for one in token.split(".")
        ]
    except ValueError:
        return token


async def test_of_six_changes_with_one_grant_only_one_is_begun(tmp_path: Path) -> None:
    """The database decides, and the previews of the others are not used up by it."""
    stores = [PreviewStore(lambda: tmp_path) for _ in range(6)]
    previews = [hiding("x").model_copy(update={"id": f"{at:032x}"}) for at in range(6)]
    for store, preview in zip(stores, previews, strict=True):
        await store.save(preview, "mine")

    claims = await asyncio.gather(
        *(store.claim(one.reference, "mine", "g" * 32) for store, one in zip(stores, previews, strict=True)),
        return_exceptions=True,
    )
    (begun,) = [one for one in claims if isinstance(one, Claim)]
    kept = [await stores[0].find(one.reference) for one in previews]
    begun.release()

    assert sum(isinstance(one, GrantRejected) for one in claims) == 5
    assert sorted(one.state for one in kept if one) == ["applying", *["waiting"] * 5]
