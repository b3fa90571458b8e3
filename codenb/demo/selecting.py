"""Label and field selectors, in the text form of list requests and in the form that objects carry."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from codenb.demo.kinds import CLAIM, EVENT, NAMESPACE, NODE, POD, REPLICA_SET, SECRET, SERVICE, Kind
from codenb.demo.objects import Obj, dig, labels_of
from codenb.demo.status import bad_request

Test = Callable[[Obj], bool]

_KEY = r"(?:[A-Za-z0-9.-]+/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?"
_TERM = re.compile(
    rf"\s*(?:(?P<absent>!)\s*(?P<gone>{_KEY})"
    rf"|(?P<key>{_KEY})\s*(?:(?P<set>in|notin)\s*\((?P<values>[^()]*)\)"
    r"|(?P<op>==|!=|=)\s*(?P<value>[A-Za-z0-9_.-]*))?)\s*(?:,|$)"
)

# The fields that a real API server lets a list be narrowed by, beside name and namespace.
_FIELDS: dict[Kind, tuple[str, ...]] = {
    POD: (
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.podIPs",
        "status.nominatedNodeName",
    ),
    EVENT: (
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
    ),
    NAMESPACE: ("status.phase",),
    NODE: ("spec.unschedulable",),
    REPLICA_SET: ("status.replicas",),
    SECRET: ("type",),
    SERVICE: ("spec.clusterIP", "spec.type"),
    CLAIM: (),
}


def labels(text: str) -> Test:
    """A label selector as a request gives it: `app=web,tier in (a,b),!legacy`.

    Raises:
        ApiError: 400 for one that cannot be read.
    """
    tests: list[Callable[[Mapping[str, str]], bool]] = []
    position = 0
    while position < len(text):
        found = _TERM.match(text, position)
        if not found or found.end() == position:
            raise bad_request(f"unable to parse requirement: found '{text[position:]}', expected a label requirement")
        tests.append(_requirement(found))
        position = found.end()
    return lambda obj: all(test(labels_of(obj)) for test in tests)


def _requirement(found: re.Match[str]) -> Callable[[Mapping[str, str]], bool]:
    key, value = found["key"], found["value"]
    if found["absent"]:
        return lambda have: found["gone"] not in have
    if found["set"]:
        values = {item.strip() for item in found["values"].split(",")}
        if found["set"] == "in":
            return lambda have: have.get(key) in values
        return lambda have: have.get(key) not in values
    if found["op"] == "!=":
        return lambda have: have.get(key) != value
    if found["op"]:
        return lambda have: have.get(key) == value
    return lambda have: key in have


def matches(selector: Obj | None, have: Mapping[str, str]) -> bool:
    """Whether labels satisfy a selector as objects carry it (`matchLabels`, `matchExpressions`).

    A selector that is missing selects nothing; an empty one selects everything.
    """
    if selector is None:
        return False
    equal = all(have.get(key) == value for key, value in (selector.get("matchLabels") or {}).items())
    return equal and all(expression_holds(term, have) for term in selector.get("matchExpressions") or [])


def expression_holds(term: Obj, have: Mapping[str, str]) -> bool:
    """Whether one `{key, operator, values}` holds for labels."""
    value = have.get(term["key"])
    values = term.get("values") or []
    tests: dict[str, Callable[[], bool]] = {
        "In": lambda: value in values,
        "NotIn": lambda: value not in values,
        "Exists": lambda: value is not None,
        "DoesNotExist": lambda: value is None,
    }
    return tests[term["operator"]]()


def as_text(selector: Obj | None) -> str:
    """A selector in the text form, as a scale's status and tables show it."""
    if not selector:
        return ""
    terms = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for term in selector.get("matchExpressions") or []:
        values = ",".join(term.get("values") or [])
        terms.append(
            {
                "In": f"{term['key']} in ({values})",
                "NotIn": f"{term['key']} notin ({values})",
                "Exists": term["key"],
                "DoesNotExist": f"!{term['key']}",
            }[term["operator"]]
        )
    return ",".join(terms)


def fields(kind: Kind, text: str) -> Test:
    """A field selector as a request gives it: `status.phase=Running,metadata.name!=x`.

    Raises:
        ApiError: 400 for a field that this kind cannot be narrowed by.
    """
    tests: list[tuple[str, bool, str]] = []
    for term in filter(None, text.split(",")):
        found = re.fullmatch(r"([^=!]+)(==|!=|=)(.*)", term)
        if not found:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{term}'")
        path, operator, value = found.groups()
        if path not in ("metadata.name", "metadata.namespace", *_FIELDS.get(kind.stored, ())):
            raise bad_request(f"field label not supported: {path}")
        tests.append((path, operator != "!=", value))
    return lambda obj: all((_text(obj, path) == value) is wanted for path, wanted, value in tests)


def _text(obj: Obj, path: str) -> str:
    if path == "source":
        return str(dig(obj, "source", "component", default="") or obj.get("reportingComponent", ""))
    value: Any = dig(obj, *path.split("."), default="")
    return str(value).lower() if isinstance(value, bool) else str(value)
