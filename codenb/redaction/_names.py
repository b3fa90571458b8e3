"""Which names say that their value is secret.

A name is judged by its words, not by substrings: `DB_PASSWORD`, `clientSecret` and `x-api-key` hold secrets, while
`secretName`, `tokenPath` and `max_tokens` say where a secret is or how many there are, and a diagnosis needs them.
"""

from __future__ import annotations

import re
from functools import lru_cache

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

_SECRET = re.compile(
    r"(?:^|_)(?:"
    r"[a-z]*(?:passwords?|passwd|passphrases?|secret|tokens?|apikeys?|privatekey|credentials?|creds)"
    r"|pwd|passcode|requirepass|masterauth|jwt|authorization|cookies?|dockerconfigjson|dockercfg|basic_auth"
    r"|(?:api|app|access|private|secret|signing|signature|encryption|account|shared|master|auth|ssh|tls|license"
    r"|storage|deploy|integration|routing|consumer|webhook)_keys?"
    r"|client_key_data|(?:db|database|user|smtp|mail|ftp|root|admin|redis|mysql|postgres|pg|http|proxy|login)_pass"
    r")(?:_|$)"
)

# A last word that turns "the secret" into "something about the secret".
_ABOUT = re.compile(
    r"(?x) names? | refs? | reference | selector | files? | filename | paths? | dir | directory | mount | types? |"
    r" kind | ids? | counts? | length | size | limits? | max | min | total | usage | used | kept | budget | rate"
    r" | cost | price | input | output | per | ttl | expiry | expires | expired | expiration | seconds | minutes"
    r" | at | in | age | before | after | time | timestamp | date | url | uri | endpoint | host | address | port"
    r" | server | service | provider | issuer | audiences? | scopes? | policy | version | mode | class | enabled"
    r" | disabled | required | optional | valid | status | state | namespace | manager | store | rotation |"
    r" reset | format | algorithm | prefix | label | description | title | message | error | reason | header |"
    r" field | env | var | io | com | org | net | sh | reviews? | requests? | account | controller"
)

# Names of Secret objects as Kubernetes and Helm write them, a cause (MissingSecret), and tokens that only turn pages.
_NONE = re.compile(
    r"(?:^|_)(?:(?:existing|missing|no|pull|tls|auth|credentials?|image|config|target)_secret"
    r"|(?:next|page|continue|continuation|progress|sync|cursor)_tokens?)$"
)

_COUNTED = re.compile(r"(?:^|_)[a-z]*tokens$")


@lru_cache(maxsize=8192)
def is_secret_name(name: str) -> bool:
    """Whether a key, flag, header or variable of this name holds a secret.

    Args:
        name: As written, in any case style; of a Kubernetes label or a JSON pointer the part after the last slash.
    """
    words = _words(name)
    if not words or _ABOUT.fullmatch(words[-1]):
        return False
    joined = "_".join(words)
    return bool(_SECRET.search(joined)) and not _NONE.search(joined)


@lru_cache(maxsize=8192)
def counts(name: str) -> bool:
    """Whether a name is a quantity's (`max_tokens`), so that only quoted text under it can be secret."""
    return bool(_COUNTED.search("_".join(_words(name))))


def _words(name: str) -> list[str]:
    words = [word.lower() for word in _WORD.findall(name[-256:].rpartition("/")[2])]
    while words and words[-1].isdigit():
        words.pop()
    return words
