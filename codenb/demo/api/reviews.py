"""The reviews by which callers ask about themselves: may I, what may I, who am I."""

from __future__ import annotations

from codenb.demo.api.requests import HttpRequest
from codenb.demo.auth import Attributes, User, allowed, refusal
from codenb.demo.kinds import Kind
from codenb.demo.objects import Obj
from codenb.demo.status import bad_request, forbidden, method_not_allowed

_GROUPS = {"authorization.k8s.io", "authentication.k8s.io"}


def answer(http: HttpRequest, user: User, kinds: list[Kind]) -> Obj | None:
    """Answer a review; None where the path is not one of a review.

    Args:
        http: The request.
        user: Who asks.
        kinds: What is served.

    Raises:
        ApiError: 400, 403 or 405.
    """
    parts = [part for part in http.path.split("/") if part]
    if len(parts) != 4 or parts[0] != "apis" or parts[1] not in _GROUPS or parts[3] not in _REVIEWS:  # noqa: PLR2004
        return None
    if http.method != "POST":
        raise method_not_allowed()
    wanted = Attributes("create", parts[1], parts[3])
    if not allowed(user, wanted):
        raise forbidden(Kind(parts[1], "v1", parts[3], ""), "", refusal(user, wanted))
    body = http.json()
    if not isinstance(body, dict) or not isinstance(body.get("spec", {}), dict):
        raise bad_request("the body of the request is not a review")
    kind, review = _REVIEWS[parts[3]]
    head = {"kind": kind, "apiVersion": f"{parts[1]}/v1", "metadata": {}}
    spec = body.get("spec") or {}
    return head | ({"spec": spec} if spec else {}) | {"status": review(user, spec, kinds)}


def _access(user: User, spec: Obj, _kinds: list[Kind]) -> Obj:
    attributes = spec.get("resourceAttributes")
    if not isinstance(attributes, dict):
        return {"allowed": bool(user.role)}
    wanted = Attributes(
        str(attributes.get("verb", "")),
        str(attributes.get("group", "")),
        str(attributes.get("resource", "")),
        str(attributes.get("subresource", "")),
        str(attributes.get("namespace", "")),
        str(attributes.get("name", "")),
    )
    return {"allowed": allowed(user, wanted)}


def _rules(user: User, _spec: Obj, kinds: list[Kind]) -> Obj:
    if user.role == "admin":
        rules = [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]
    elif user.role == "viewer":
        resources = sorted({kind.plural for kind in kinds} - {"secrets"})
        rules = [{"verbs": ["get", "list", "watch"], "apiGroups": ["*"], "resources": resources}]
    else:
        rules = []
    return {"resourceRules": rules, "nonResourceRules": [], "incomplete": False}


def _self(user: User, _spec: Obj, _kinds: list[Kind]) -> Obj:
    return {"userInfo": {"username": user.name, "groups": list(user.groups)}}


_REVIEWS = {
    "selfsubjectaccessreviews": ("SelfSubjectAccessReview", _access),
    "selfsubjectrulesreviews": ("SelfSubjectRulesReview", _rules),
    "selfsubjectreviews": ("SelfSubjectReview", _self),
}
