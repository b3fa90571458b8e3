"""Secrets that are known by their looks.

One expression holds the formats that vendors publish for secret scanning, as far as a text has their marks, so that it
is read once. Every repeat is bounded or cannot backtrack, so that the time stays linear in the text whatever it is.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from functools import lru_cache

_B64URL = "[A-Za-z0-9_-]"

# Kind (also the group's name, with an underscore for each hyphen), literal texts of which every secret of this kind has
# one, and expression; the first that fits gives the kind.
FORMATS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    (
        "private-key",
        ("-----BEGIN ",),
        (
            r"-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----"
            r"(?:(?:[^-]|-(?!----)){0,20000}+-----END [A-Z0-9 ]{1,60}-----"
            r"|(?:(?:\\{1,3}[nr]|\s){0,8}+[A-Za-z0-9+/=]{16,}+){0,1000}+)"
        ),
    ),
    ("age-key", ("AGE-SECRET-KEY-1",), r"AGE-SECRET-KEY-1[0-9A-Z]{58}"),
    ("aws-access-key-id", ("AKIA", "ASIA", "ABIA", "ACCA"), r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    ("gcp-api-key", ("AIza",), r"AIza[0-9A-Za-z_-]{35}"),
    ("gcp-oauth", ("GOCSPX-", "ya29."), rf"(?:GOCSPX-{_B64URL}{{20,60}}|ya29\.{_B64URL}{{20,2000}}+)"),
    ("azure-client-secret", ("Q~",), r"[A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}"),
    (
        "github-token",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        r"(?:gh[pousr]_[A-Za-z0-9][A-Za-z0-9_.-]{18,2000}[A-Za-z0-9]|github_pat_[A-Za-z0-9_]{22,255})",
    ),
    (
        "gitlab-token",
        ("gl", "GR1348941"),
        (
            r"(?:gl(?:pat|dt|rt|rtr|cbt|ptt|ft|imt|agent|oas|soat|ffct|wt)-[A-Za-z0-9_-]{20,300}"
            r"(?:\.[A-Za-z0-9]{2,9}){0,2}|GR1348941[A-Za-z0-9_-]{20,50})"
        ),
    ),
    (
        "slack-token",
        ("xox", "xapp-"),
        r"(?:xox[abcdeoprs](?:\.xox[a-z])?-[A-Za-z0-9-]{10,300}|xapp-[0-9]-[A-Za-z0-9-]{10,300})",
    ),
    (
        "stripe-key",
        ("sk_", "rk_", "whsec_"),
        r"(?:(?:sk|rk)_(?:live|test|prod)_[A-Za-z0-9]{10,250}|whsec_[A-Za-z0-9+/=]{20,100})",
    ),
    ("anthropic-key", ("sk-ant-",), rf"sk-ant-{_B64URL}{{20,300}}"),
    (
        "openai-key",
        ("sk-",),
        (
            rf"(?:sk-(?:proj|svcacct|admin|None)-{_B64URL}{{20,300}}|sk-(?:or-v1-)?[0-9a-f]{{32,128}}"
            rf"|sk-(?=[a-z0-9_-]{{0,100}}[A-Z]){_B64URL}{{32,300}})"
        ),
    ),
    ("npm-token", ("npm_",), r"npm_[A-Za-z0-9]{36}"),
    ("pypi-token", ("pypi-A",), rf"pypi-A{_B64URL}{{49,1000}}"),
    ("docker-token", ("dckr_",), rf"dckr_(?:pat|oat)_{_B64URL}{{20,100}}"),
    ("huggingface-token", ("hf_",), r"hf_[A-Za-z0-9]{30,50}"),
    ("vault-token", ("hvs.", "hvb.", "hvr."), rf"hv[sbr]\.{_B64URL}{{24,300}}"),
    ("terraform-token", (".atlasv1.",), rf"[A-Za-z0-9]{{14}}\.atlasv1\.{_B64URL}{{60,80}}"),
    ("grafana-token", ("glsa_", "glc_"), r"(?:glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}|glc_[A-Za-z0-9+/=]{32,400})"),
    ("databricks-token", ("dapi",), r"dapi[a-f0-9]{32}(?![A-Za-z0-9])"),
    ("digitalocean-token", ("doo_v1_", "dop_v1_", "dor_v1_"), r"do[opr]_v1_[a-f0-9]{64}"),
    ("sendgrid-key", ("SG.",), rf"SG\.{_B64URL}{{22}}\.{_B64URL}{{43}}"),
    (
        "jwt",
        ("eyJ",),
        rf"(?<![_-])eyJ{_B64URL}{{6,}}+\.eyJ{_B64URL}{{6,}}+(?:\.{_B64URL}{{0,}}+){{0,3}}",
    ),
)

_MARKS = tuple((mark, kind) for kind, marks, _ in FORMATS for mark in marks)
_ANY_MARK = re.compile("|".join(re.escape(mark) for mark, _ in _MARKS))


@lru_cache(maxsize=256)
def _any_of(kinds: frozenset[str]) -> re.Pattern[str]:
    """Finds secrets of these kinds; few texts have marks of more than two or three."""
    forms = "|".join(f"(?P<{kind.replace('-', '_')}>{form})" for kind, _, form in FORMATS if kind in kinds)
    # A token begins a word; the n of a \\n and the digits of a %3D that stand before it are no part of that word.
    return re.compile(rf"(?:(?<![A-Za-z0-9])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{{2}}))(?:{forms})")


_ANY_FORMAT = _any_of(frozenset(kind for kind, _, _ in FORMATS))

# The secret is group 1; what stands around it is kept, because it says where the secret was. Before each expression
# stand literal texts of which a match has one; an empty one is in every text.
_IN_CONTEXT = (
    # scheme://user:password@host and scheme://token@host; an image digest (docker-pullable://name:tag@sha256:) is none.
    (("://",), re.compile(r"://[^\s:/@?#\"'<>\\]{0,256}:([^\s/?#\"'<>\\]{1,512})@(?!sha(?:256|512):)")),
    (("://",), re.compile(r"://([^\s:/@?#\"'<>\\]{20,512})@(?!sha(?:256|512):)")),
    # Azure shared access signatures, presigned URLs of AWS and Google.
    (("sig=",), re.compile(r"[?&;](?:amp;|u0026)?sig=([A-Za-z0-9%+/=_-]{20,200})")),
    (("",), re.compile(r"(?i)x-(?:amz|goog)-signature=([0-9a-f]{32,1024})")),
    (("hooks.slack.com/",), re.compile(r"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9/_-]{10,200})")),
    (("",), re.compile(r"(?i)\bbearer[ \t]{1,4}(?=[A-Za-z._~+/=-]{0,200}[0-9])([A-Za-z0-9._~+/=-]{16,8000}+)")),
    # Programs that take a password in one letter.
    (("curl",), re.compile(r"\bcurl\b[^\n]{0,200}?[ \t](?:-u|--user)[ =]?[\"']?[^\s:\"']{1,100}:([^\s\"']{1,200})")),
    (
        ("mysql", "mariadb"),
        re.compile(r"\b(?:mysql|mariadb)[a-z-]{0,12}[ \t][^\n]{0,200}?(?<=[ \t])-p([^\s\"']{1,200})"),
    ),
    (("redis-cli",), re.compile(r"\bredis-cli\b[^\n]{0,200}?[ \t]-a[ \t]{1,4}([^\s\"']{1,200})")),
    (("sshpass",), re.compile(r"\bsshpass[ \t]{1,4}-p[ \t]{0,4}([^\s\"']{1,200})")),
)

_BETWEEN = re.compile(r"[\s:=/]")
"""What stands between a place and the secret there; most texts in an answer are names, which have none of it."""

_BASIC = re.compile(r"(?i)(?:\bbasic[ \t]{1,4}|\bauth\\{0,3}[\"']?[ \t]{0,8}[:=][ \t]{0,8}\\{0,3}[\"']?)"
                    r"([A-Za-z0-9+/_-]{6,2000}+={0,2})")  # fmt: skip

EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,24}"
)


def formatted(text: str) -> Iterator[tuple[int, int]]:
    """Where secrets with a known format or a known place stand."""
    if _ANY_MARK.search(text):
        kinds = frozenset(kind for mark, kind in _MARKS if mark in text)
        for match in _any_of(kinds).finditer(text):
            yield match.span()
    if not _BETWEEN.search(text):
        return
    for marks, pattern in _IN_CONTEXT:
        if any(mark in text for mark in marks):
            for match in pattern.finditer(text):
                yield match.span(1)
    for match in _BASIC.finditer(text):
        if is_basic(match[1]):
            yield match.span(1)


def kind_of(secret: str) -> str:
    """The kind of a whole secret, `secret` when its looks do not tell."""
    match = _ANY_FORMAT.fullmatch(secret)
    return match.lastgroup.replace("_", "-") if match and match.lastgroup else "secret"


def is_basic(text: str) -> bool:
    """Whether the text is `user:password` in base64, as in Basic authorization and in a Docker configuration."""
    try:
        decoded = base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True).decode()
    except (binascii.Error, ValueError):
        return False
    return ":" in decoded.strip(":") and decoded.isprintable()
