"""Secrets that are known by their looks.

One expression holds the formats that vendors publish for secret scanning, so that a text is read once. Every repeat is
bounded or cannot backtrack, so that the time stays linear in the text whatever the text is.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

_B64URL = "[A-Za-z0-9_-]"

# Kind (also the group's name, with an underscore for each hyphen) and expression; the first that fits gives the kind.
FORMATS: tuple[tuple[str, str], ...] = (
    (
        "private-key",
        (
            r"-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----"
            r"(?:(?:[^-]|-(?!----)){0,20000}+-----END [A-Z0-9 ]{1,60}-----"
            r"|(?:(?:\\{1,3}[nr]|\s){0,8}+[A-Za-z0-9+/=]{16,}+){0,1000}+)"
        ),
    ),
    ("age-key", r"AGE-SECRET-KEY-1[0-9A-Z]{58}"),
    ("aws-access-key-id", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    ("gcp-api-key", r"AIza[0-9A-Za-z_-]{35}"),
    ("gcp-oauth", rf"(?:GOCSPX-{_B64URL}{{20,60}}|ya29\.{_B64URL}{{20,2000}}+)"),
    ("azure-client-secret", r"[A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}"),
    ("github-token", r"(?:gh[pousr]_[A-Za-z0-9][A-Za-z0-9_.-]{18,2000}[A-Za-z0-9]|github_pat_[A-Za-z0-9_]{22,255})"),
    (
        "gitlab-token",
        (
            r"(?:gl(?:pat|dt|rt|rtr|cbt|ptt|ft|imt|agent|oas|soat|ffct|wt)-[A-Za-z0-9_-]{20,300}"
            r"(?:\.[A-Za-z0-9]{2,9}){0,2}|GR1348941[A-Za-z0-9_-]{20,50})"
        ),
    ),
    ("slack-token", r"(?:xox[abcdeoprs](?:\.xox[a-z])?-[A-Za-z0-9-]{10,300}|xapp-[0-9]-[A-Za-z0-9-]{10,300})"),
    ("stripe-key", r"(?:(?:sk|rk)_(?:live|test|prod)_[A-Za-z0-9]{10,250}|whsec_[A-Za-z0-9+/=]{20,100})"),
    ("anthropic-key", rf"sk-ant-{_B64URL}{{20,300}}"),
    (
        "openai-key",
        (
            rf"(?:sk-(?:proj|svcacct|admin|None)-{_B64URL}{{20,300}}|sk-(?:or-v1-)?[0-9a-f]{{32,128}}"
            rf"|sk-(?=[a-z0-9_-]{{0,100}}[A-Z]){_B64URL}{{32,300}})"
        ),
    ),
    ("npm-token", r"npm_[A-Za-z0-9]{36}"),
    ("pypi-token", rf"pypi-A{_B64URL}{{49,1000}}"),
    ("docker-token", rf"dckr_(?:pat|oat)_{_B64URL}{{20,100}}"),
    ("huggingface-token", r"hf_[A-Za-z0-9]{30,50}"),
    ("vault-token", rf"hv[sbr]\.{_B64URL}{{24,300}}"),
    ("terraform-token", rf"[A-Za-z0-9]{{14}}\.atlasv1\.{_B64URL}{{60,80}}"),
    ("grafana-token", r"(?:glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}|glc_[A-Za-z0-9+/=]{32,400})"),
    ("databricks-token", r"dapi[a-f0-9]{32}(?![A-Za-z0-9])"),
    ("digitalocean-token", r"do[opr]_v1_[a-f0-9]{64}"),
    ("sendgrid-key", rf"SG\.{_B64URL}{{22}}\.{_B64URL}{{43}}"),
    (
        "jwt",
        rf"(?<![_-])eyJ{_B64URL}{{6,}}+\.eyJ{_B64URL}{{6,}}+(?:\.{_B64URL}{{0,}}+){{0,3}}",
    ),
)

# A token begins a word; the n of a \n and the digits of a %3D that stand before it are no part of that word.
_ANY_FORMAT = re.compile(
    r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2}))(?:"
    + "|".join(f"(?P<{kind.replace('-', '_')}>{form})" for kind, form in FORMATS)
    + ")"
)

# The secret is group 1; what stands around it is kept, because it says where the secret was.
_IN_CONTEXT = (
    # scheme://user:password@host and scheme://token@host; an image digest (docker-pullable://name:tag@sha256:) is none.
    re.compile(r"://[^\s:/@?#\"'<>\\]{0,256}:([^\s/?#\"'<>\\]{1,512})@(?!sha(?:256|512):)"),
    re.compile(r"://([^\s:/@?#\"'<>\\]{20,512})@(?!sha(?:256|512):)"),
    # Azure shared access signatures, presigned URLs of AWS and Google.
    re.compile(r"[?&;](?:amp;|u0026)?sig=([A-Za-z0-9%+/=_-]{20,200})"),
    re.compile(r"(?i)x-(?:amz|goog)-signature=([0-9a-f]{32,1024})"),
    re.compile(r"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9/_-]{10,200})"),
    re.compile(r"(?i)\bbearer[ \t]{1,4}(?=[A-Za-z._~+/=-]{0,200}[0-9])([A-Za-z0-9._~+/=-]{16,8000}+)"),
    # Programs that take a password in one letter.
    re.compile(r"\bcurl\b[^\n]{0,200}?[ \t](?:-u|--user)[ =]?[\"']?[^\s:\"']{1,100}:([^\s\"']{1,200})"),
    re.compile(r"\b(?:mysql|mariadb)[a-z-]{0,12}[ \t][^\n]{0,200}?(?<=[ \t])-p([^\s\"']{1,200})"),
    re.compile(r"\bredis-cli\b[^\n]{0,200}?[ \t]-a[ \t]{1,4}([^\s\"']{1,200})"),
    re.compile(r"\bsshpass[ \t]{1,4}-p[ \t]{0,4}([^\s\"']{1,200})"),
)

_BASIC = re.compile(r"(?i)(?:\bbasic[ \t]{1,4}|\bauth\\{0,3}[\"']?[ \t]{0,8}[:=][ \t]{0,8}\\{0,3}[\"']?)"
                    r"([A-Za-z0-9+/_-]{6,2000}+={0,2})")  # fmt: skip

EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,24}"
)


def formatted(text: str) -> Iterator[tuple[int, int]]:
    """Where secrets with a known format or a known place stand."""
    for match in _ANY_FORMAT.finditer(text):
        yield match.span()
    for pattern in _IN_CONTEXT:
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
