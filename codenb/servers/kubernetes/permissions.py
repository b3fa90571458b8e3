"""May I? Asked of the cluster itself, so that an answer holds for the credentials in use."""

from __future__ import annotations

import re

from codenb.errors import BadInput
from codenb.servers._clients.cluster import Cluster
from codenb.servers._clients.kinds import known
from codenb.servers._clients.names import checked_name, checked_namespace
from codenb.servers.kubernetes.answers import Answer
from codenb.views import Badge, Text, Tone, View

_REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_WORD = re.compile(r"[a-z*][a-z0-9*.-]*")


class Permission(Answer):
    """Whether the credentials in use may do something.

    Attributes:
        allowed: Yes or no.
        question: What was asked, as a sentence.
        reason: What the cluster says, where it says something.
    """

    allowed: bool
    question: str
    reason: str = ""

    def view(self) -> View:
        """The question and its answer."""
        badge = Badge("yes", Tone.GOOD) if self.allowed else Badge("no", Tone.BAD)
        return View(title=self.question, badges=[badge], blocks=[Text(self.reason)] if self.reason else [])


async def can_i(cluster: Cluster, verb: str, resource: str, *, namespace: str | None, name: str | None) -> Permission:
    """Ask the cluster.

    Args:
        cluster: Where.
        verb: Such as `get`, `patch`, `*`.
        resource: Such as `pods`, `deployments.apps`, `deployments/scale`; a kind is understood.
        namespace: None asks for all of them.
        name: None asks for any object.
    """
    plural, _, subresource = resource.partition("/")
    kind = known(plural)
    plural, _, group = (kind.permission if kind else plural.lower()).partition(".")
    for asked_for, word in ((verb, verb.lower()), (resource, plural)):
        if not _WORD.fullmatch(word):
            raise BadInput(f"{asked_for[:40]!r} is no verb or resource: ask like verb='patch', resource='deployments'")
    asked = {
        "verb": verb.lower(),
        "group": group,
        "resource": plural,
        "subresource": subresource,
        "namespace": checked_namespace(namespace) if namespace else "",
        "name": checked_name(name) if name else "",
    }
    answer = await cluster.request(
        "POST",
        _REVIEW,
        body={
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {key: value for key, value in asked.items() if value}},
        },
        doing="ask what these credentials may do",
    )
    status = answer.get("status") or {}
    whole = (
        f"{plural}{'.' + group if group else ''}{'/' + subresource if subresource else ''}{' ' + name if name else ''}"
    )
    where = f"in namespace {namespace}" if namespace else "in all namespaces"
    return Permission(
        allowed=bool(status.get("allowed")),
        question=f"{verb.lower()} {whole} {where} of cluster {cluster.context}",
        reason=str(status.get("reason") or status.get("evaluationError") or ""),
    )
