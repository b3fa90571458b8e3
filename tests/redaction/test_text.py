"""Secrets in text: every published format, every place, and nothing that a diagnosis is made of."""

from __future__ import annotations

import base64
import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codenb.redaction import Redactor, _formats, is_secret_name, redactor

PLACEHOLDER = re.compile(r"<redacted:([a-z-]+):[0-9a-f]{8}>")

ALNUM = "aB3dE5gH7jK9mN1pQ2sT4vW6yZ8cF0xL"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJlcm5ldGVzL3NlcnZpY2VhY2NvdW50In0.c2lnbmF0dXJl-_x"
PEM = f"-----BEGIN RSA PRIVATE KEY-----\n{ALNUM * 2}\n{ALNUM}==\n-----END RSA PRIVATE KEY-----"

# Put together here, so that no scanner takes this file for a leak.
FORMATS = {
    "aws-access-key-id": "AKIA" + "IOSFODNN7EXAMPL3",
    "gcp-api-key": "AIza" + ALNUM + "-_5",
    "gcp-oauth": "GOCSPX" + "-" + ALNUM[:28],
    "azure-client-secret": "abc8Q~" + ALNUM + "ab",
    "github-token": "ghp_" + ALNUM + "aB3d",
    "gitlab-token": "glpat" + "-" + ALNUM[:20],
    "slack-token": "xoxb" + "-123456789012-" + ALNUM[:24],
    "stripe-key": "sk_live" + "_" + ALNUM[:24],
    "anthropic-key": "sk-ant" + "-api03-" + ALNUM * 2,
    "openai-key": "sk-proj" + "-" + ALNUM * 3,
    "npm-token": "npm_" + ALNUM + "aB3d",
    "pypi-token": "pypi-AgEIcHlwaS5vcmc" + ALNUM * 2,
    "vault-token": "hvs" + "." + ALNUM,
    "jwt": JWT,
    "private-key": PEM,
}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("frame", ["{}", "seen {} in a log", '"{}"', "x={}", "({}),", "line\\n{}", "?q=%3D{}&a=b"])
def test_a_published_format_is_hidden_wherever_it_stands(kind, frame):
    """Vendors give tokens a recognisable form so that they can be found without any name beside them."""
    shown = redactor().text(frame.format(FORMATS[kind]))

    assert [match[1] for match in PLACEHOLDER.finditer(shown)] == [kind]
    assert PLACEHOLDER.sub("{}", shown) == frame


@pytest.mark.parametrize(
    "text",
    [
        "password={}",
        "DB_PASSWORD={}",
        '"password": "{}"',
        "'password': '{}'",
        r"{{\"password\":\"{}\"}}",
        r"{{\\\"apiKey\\\":\\\"{}\\\"}}",
        r"applied:\napi_key: {}",
        "--password {}",
        "--password={} --verbose",
        "--from-literal=password={}",
        'args: ["--token", "{}"]',
        "args:\n- --token\n- {}\n- --verbose",
        "password: {}\nuser: bob",
        "  - client_secret: '{}'",
        "password: |\n  {}\nuser: bob",
        '{{"name": "DB_PASSWORD", "value": "{}"}}',
        '{{"name":"API_TOKEN","value":"{}"}}',
        "- name: DB_PASSWORD\n  value: {}\n- name: MODE\n  value: fast",
        '"passwords": ["{}"]',
        "Authorization: Bearer {}",
        'curl -H "Authorization: Token {}" https://example.com',
        "Cookie: {}",
        "postgres://bob:{}@db:5432/shop",
        "redis://:{}@cache",
        "Server=db;User Id=sa;Password={};Encrypt=yes",
        "host=db password={} dbname=shop",
        "AccountName=x;AccountKey={};EndpointSuffix=core.windows.net",
        "https://x.blob.core.windows.net/c?sv=2024&sig={0}{0}&se=1",
        "https://hooks.slack.com/services/{}",
        "aws_secret_access_key = {}",
        "curl -u bob:{} https://example.com",
        "mysql -u root -p{} shop",
        "redis-cli -a {} ping",
        "requirepass: {}",
        "the generated token: {} was stored",
        "client-key-data: {}",
    ],
)
def test_a_value_in_a_secret_place_is_hidden_and_nothing_around_it(text):
    """What a plain password looks like cannot be known; the place where it stands can."""
    shown = redactor().text(text.format("hunter2Xy9"))
    before, *_, after = text.format("hunter2Xy9").split("hunter2Xy9")

    assert shown.startswith(before)
    assert shown.endswith(after)
    assert PLACEHOLDER.fullmatch(shown[len(before) : len(shown) - len(after)])


def test_basic_credentials_and_docker_auth_are_hidden_and_the_word_basic_is_not():
    """`auth` in a Docker configuration is base64 of user:password, which only decoding tells from another word."""
    auth = base64.b64encode(b"bob:hunter2").decode()

    assert auth not in redactor().text(f'{{"auths": {{"ghcr.io": {{"auth": "{auth}"}}}}}} Basic {auth}')
    assert redactor().text("basic functionality, auth: disabled") == "basic functionality, auth: disabled"


@pytest.mark.parametrize(
    "text",
    [
        "2024-05-01T10:00:00Z ERROR checkout failed: invalid token: unexpected end of input at line 3",
        'Error: secret "db" not found; couldn\'t find key password in Secret shop/db',
        "references non-existent secret key: DB_PASSWORD",
        "failed to fetch token: connection refused",
        "token: expired",
        "password: must be at least 8 characters",
        "pass --token to authenticate",
        "secretName: db-credentials",
        "secretKeyRef:\n  name: db\n  key: password\n  optional: true",
        '"secretKeyRef":{"name":"db","key":"password"}',
        "imagePullSecrets:\n- name: regcred",
        "automountServiceAccountToken: false",
        "expirationSeconds: 3607\npath: token",
        "DB_PASSWORD:  <set to the key 'password' in secret 'db'>  Optional: false",
        "password=${DB_PASSWORD} token=$(TOKEN) secret={{ .Values.secret }}",
        'output_tokens: int, MissingSecret: 0.6, max_tokens=4096 input_tokens: 512 "output_tokens": 17',
        "PWD=/srv/app",
        "TOKEN_FILE=/var/run/secrets/token token_url=https://id.example.com/token",
        "image: ghcr.io/shop/checkout:1.4.2@sha256:" + "0f" * 32,
        "imageID: docker-pullable://registry.example.com:5000/a-long-image-name-here:1.2@sha256:" + "ab" * 32,
        "imageID: docker-pullable://nginx:1.25@sha256:" + "ab" * 32,
        "uid: 8f14e45f-ceea-467f-a0e6-1b2c3d4e5f60",
        "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
        "checkout-7d9f8b6c5-x2x4z sk-frontend-7d9f8b6c5-x2x4z task-7d9f8b6c5 risk-ant-api",
        "Back-off restarting failed container=app pod=checkout-7d9f8b6c5-x2x4z_shop(8f14e45f-ceea-467f-a0e6-1b2c3d4e5)",
        "Bearer authentication is required; WWW-Authenticate: Bearer realm=registry",
        "kubernetes.io/service-account-token",
        "resources: [secrets, configmaps] verbs: [get, list]",
        "kind: ConfigMap\ndata:\n  mode: fast\n---\nkind: Service\nmetadata:\n  name: x",
        "git@github.com:org/repo.git https://github.com/org/repo.git",
        "chown 1000:1000; docker run -u 1000:1000; 10:20:30 ::1 [::]:8080 http://127.0.0.1:8080/a@b",
    ],
)
def test_what_a_diagnosis_is_made_of_survives(text):
    """An expert quotes names, digests, uids and messages; a quote that was destroyed no longer counts."""
    assert redactor().text(text) == text


SAFE = "[bcdfghjklmnpqrstvwxz2456789]"  # what Kubernetes makes suffixes of
names = st.from_regex(rf"[a-z]([a-z0-9-]{{0,20}}[a-z0-9])?-{SAFE}{{8,10}}-{SAFE}{{5}}", fullmatch=True)
digests = st.binary(min_size=32, max_size=32).map(lambda raw: f"sha256:{raw.hex()}")
shas = st.binary(min_size=20, max_size=20).map(bytes.hex)
uids = st.uuids().map(str)
words = st.sampled_from(["Pulled", "image", "Created", "OOMKilled", "secret", "token", "key"])
stamps = st.datetimes().map(lambda at: at.isoformat() + "Z")
facts = st.one_of(names, digests, shas, uids, words, stamps, st.integers().map(str))


@settings(deadline=None)
@given(st.lists(facts, max_size=20), st.sampled_from([" ", "\n", ", ", " / "]))
def test_names_digests_uids_and_commits_survive_in_any_company(parts, between):
    """Entropy alone never makes a secret here, or every digest would be one."""
    text = between.join(parts)

    assert redactor().text(text) == text


FRAGMENTS = """
password = token --token name value { } [ "kind":"Secret" "data":{ "a":"b" Bearer :// @ Authorization
| ' " \\ \\n - ghp_ eyJ <redacted:secret:00000000> <redacted: -----BEGIN kind:_Secret data: stringData: a:_b
"""
pieces = st.one_of(
    st.text(max_size=12),
    st.sampled_from([*FORMATS.values(), *(piece.replace(":_", ": ") for piece in FRAGMENTS.split()), ": ", "\n", "  "]),
)
messes = st.lists(pieces, max_size=25).map("".join)


@settings(deadline=None)
@given(messes)
def test_redacting_twice_changes_nothing(text):
    """A value passes here at a server, at the host and before a prompt; pseudonyms of pseudonyms would not match."""
    once = Redactor(["fo+", r"\bbar\b"], b"key", emails=True).text(text)

    assert Redactor(["fo+", r"\bbar\b"], b"key", emails=True).text(once) == once


@settings(deadline=None)
@given(messes, st.sampled_from([kind for kind in FORMATS if kind != "private-key"]), messes)
def test_no_surroundings_make_a_token_show(before, kind, after):
    """A token between white space is found whatever stands around; found by generating surroundings."""
    assert f" {FORMATS[kind]} " not in redactor().text(f"{before} {FORMATS[kind]} {after}")


@settings(deadline=None)
@given(st.from_regex(r"[A-Za-z0-9!#%+,./@^_~-]{8,40}", fullmatch=True), st.text(max_size=30))
def test_a_quoted_json_value_is_hidden_whatever_it_is(secret, other):
    """JSON escapes must not end a value early."""
    text = json.dumps({"before": other, "password": secret + '"\\\n' + secret, "after": other})
    shown = redactor().text(text)

    assert secret not in json.loads(shown)["password"]
    assert redactor().value(json.loads(shown))["after"] == redactor().value(other)


ATTACKS = [
    *[
        "password",
        "password=",
        "token token: ",
        "://a:",
        "-ghp_",
        "-eyJaaaaaa",
        "eyJaaaaaa.",
        "a",
        " ",
        "\n",
        'password="',
    ],
    *["password: |\n", "-----BEGIN PRIVATE KEY-----", "-sk-aaaa", "curl -u ", "kind: Secret\ndata:\n", "- ", "a@a."],
    *[
        '"kind":"Secret","data":{',
        '"a":null,',
        '\\"password\\":',
        "name: ",
        "--token ",
        '"password": \\"',
        "basic aaaaaaa",
    ],
    *[
        "mysql -p",
        "<redacted:secret:0",
        "name: token value: ",
        '"kind":"Secret" "data":{' + '"a":null,' * 9,
        "\\",
        "'",
        "${",
    ],
]


@pytest.mark.parametrize("unit", ATTACKS)
def test_a_text_made_to_be_slow_is_read(unit):
    """Logs are written by strangers; an expression that is quadratic in one of these would take hours."""
    text = unit * (200_000 // len(unit))

    assert redactor().text(text)


def test_a_megabyte_of_all_attacks_is_read():
    """What is linear for each attack alone must be so when they follow each other."""
    text = "".join(unit * (1_000_000 // len(ATTACKS) // len(unit)) for unit in ATTACKS)

    assert redactor().text(text)


def test_the_same_secret_has_one_pseudonym_everywhere_and_another_key_gives_another():
    """Two services that use one password can be seen to, but the pseudonym is no hash that anybody could try out."""
    mine, other = Redactor(key=b"one"), Redactor(key=b"two")
    in_log = PLACEHOLDER.search(mine.text("password=hunter2"))
    in_secret = PLACEHOLDER.search(mine.text("kind: Secret\ndata:\n  pw: aHVudGVyMg=="))
    in_env = PLACEHOLDER.search(mine.text('{"name": "DB_PASSWORD", "value": "hunter2"}'))

    assert in_log[0] == in_secret[0] == in_env[0]
    assert mine.text("password=hunter2") != other.text("password=hunter2")


def test_redactors_of_one_process_agree_without_a_key():
    """In-process servers and the host make redactors of their own."""
    assert Redactor(["fo+"]).text("password=hunter2") == redactor().text("password=hunter2")


def test_emails_are_hidden_only_where_asked_for():
    """An address in a log helps the person on call and is nothing to a model."""
    text = "owner: jane.doe@example.com"

    assert redactor().text(text) == text
    assert re.fullmatch(r"owner: <redacted:email:[0-9a-f]{8}>", Redactor(emails=True).text(text))


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        *[
            (name, True)
            for name in ("password", "DB_PASSWORD", "clientSecret", "PGPASSWORD", "api_key", "x-api-key", "apiKey")
        ],
        *[
            (name, True)
            for name in ("GITHUB_TOKEN", "TOKEN_2", "private_key", "AWS_SECRET_ACCESS_KEY", "SMTP_PASS", "jwt")
        ],
        *[(name, True) for name in ("Authorization", "set-cookie", ".dockerconfigjson", "identitytoken", "AccountKey")],
        *[
            (name, False)
            for name in ("secretName", "secretKeyRef", "tokenPath", "token_type", "AWS_ACCESS_KEY_ID", "public_key")
        ],
        *[
            (name, False)
            for name in (
                "key",
                "keys",
                "secrets",
                "existingSecret",
                "imagePullSecrets",
                "compass",
                "passed",
                "tokenizer",
            )
        ],
        *[(name, False) for name in ("serviceAccountTokenExpirationSeconds", "author", "monkey", "", "-", "42")],
    ],
)
def test_a_name_is_judged_by_its_words(name, secret):
    """`secretName` names a Secret and `compass` ends in pass; neither holds one."""
    assert is_secret_name(name) is secret


@pytest.mark.parametrize(("kind", "marks", "form"), _formats.FORMATS)
def test_every_secret_of_a_format_has_one_of_its_marks(kind, marks, form):
    """A text without a mark is not searched for the format, so a mark that is too narrow would let secrets through."""

    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.from_regex(re.compile(form, re.ASCII), fullmatch=True))
    def holds(secret):
        assert any(mark in secret for mark in marks)

    holds()
