"""What must never be shown, written or sent.

Logs, events, manifests and answers of other people's servers hold secrets, and whatever codenb keeps (records,
cassettes, prompts, cell outputs, reports) is copied further. So a value passes here first. What is hidden is replaced
by a pseudonym such as `<redacted:github-token:3f2a91c0>`, the same for the same secret in one process, so that a
reader can still see that two services use one password without seeing it.

What is recognised: formats that secrets announce themselves by, values whose name says secret (in JSON, YAML, command
lines, environment lists, headers, connection strings), the data of Kubernetes Secrets, and configured patterns. What
is not: a secret that stands in free text without name or format. Names, digests, uids and commits are kept, because
a diagnosis is made of them.
"""

from codenb.redaction._names import is_secret_name
from codenb.redaction._pseudonyms import PSEUDONYM, lasting
from codenb.redaction._redactor import Redactor, redactor

__all__ = ["PSEUDONYM", "Redactor", "is_secret_name", "lasting", "redactor"]
