"""What people hand to a session, read as it is meant: targets in three forms, names, proposals, arguments.

A typo must not pass for something else, and a wrong type must not come back as an error of the interpreter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from codenb.errors import BadInput
from codenb.models import Answer, Model, Proposal, Target, ToolCall

if TYPE_CHECKING:
    from codenb.host import Host

_LABEL = r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
_WRITTEN = re.compile(rf"(?P<namespace>{_LABEL})(?:/(?P<workload>{_LABEL}(?:\.{_LABEL})*))?")
"""Names as Kubernetes has them: a label of RFC 1123, and for a workload several of them."""

_OPTIONS = ("servers", "fresh", "timeout_s", "token_budget")
"""What `gather` takes beside the fields."""

_FREE = ("additionalProperties", "patternProperties", "allOf", "anyOf", "oneOf", "$ref")
"""Keywords of JSON Schema by which arguments may be taken that `properties` does not name."""


def target(given: Target | Mapping[str, Any] | str | None, fields: Mapping[str, Any]) -> Target:
    """The target that is meant.

    Args:
        given: A target, a dict of its fields or of a request (see `Target.requested`), or `namespace/workload` or
            `namespace` as text.
        fields: Fields of the target, in place of it or beside the dict.

    Raises:
        BadInput: It is none of these, or a field that is nearly one of a target's; others become `extra`.
    """
    if isinstance(given, Target | str) and fields:
        raise BadInput(f"give a target or its fields, not both: {', '.join(fields)} would be lost")
    if isinstance(given, Target):
        return given
    if isinstance(given, str):
        return _written(given)
    if not isinstance(given, Mapping | None):
        raise BadInput(
            f"a target is a codenb.Target, a dict of its fields or text such as 'shop/checkout', "
            f"not {_a(given)}: give one of these"
        )
    known = Target.requested(dict(given or {}) | dict(fields))
    extra = {key: known.pop(key) for key in list(known) if key not in Target.model_fields}
    for key in extra:
        meant = [*Target.model_fields, *(_OPTIONS if key in fields else ())]
        if near := get_close_matches(str(key).lower(), meant, n=1, cutoff=0.75):
            raise BadInput(f"a target has no field {key!r}: did you mean {near[0]!r}? if it is extra, put it in extra")
    if extra:
        own = known.get("extra")
        known["extra"] = (dict(own) if isinstance(own, Mapping) else {}) | extra
    return Target.from_dict(known, what="the target")


def names(given: str | Iterable[str] | None) -> list[str] | None:
    """Names of servers; a text is one name.

    Raises:
        BadInput: It holds something else.
    """
    if given is None:
        return None
    listed = [given] if isinstance(given, str) else list(given) if isinstance(given, Iterable) else [given]
    if wrong := [one for one in listed if not isinstance(one, str)]:
        raise BadInput(f"servers are named by text, not by {_a(wrong[0])}: give a name or a list of names")
    return listed


def question(given: object) -> str:
    """The question, in words.

    Raises:
        BadInput: It is something else, such as what the question is about.
    """
    if not isinstance(given, str):
        raise BadInput(f"a question is text, not {_a(given)}: ask in a sentence, and say second what it is about")
    return given


def proposals(given: object) -> list[Proposal]:
    """Proposals; those of an answer where that is given.

    Args:
        given: A proposal, several, or an answer.

    Raises:
        BadInput: It holds something else.
    """
    if isinstance(given, Answer):
        return list(given.proposals)
    if isinstance(given, Proposal):
        return [given]
    listed: list[Any] = list(given) if isinstance(given, Iterable) and not isinstance(given, str | Model) else [given]
    if wrong := [one for one in listed if not isinstance(one, Proposal)]:
        raise BadInput(
            f"what is carried out is a proposal, not {_a(wrong[0])}: give answer.proposals, or what nb.propose made"
        )
    return listed


async def require_fitting(host: Host, call: ToolCall) -> None:
    """Check the argument names of other people's tools before a person is asked; ours say it in their preview.

    Raises:
        BadInput: The tool takes no such argument, or one that it requires is missing.
    """
    tool = next((one for one in await host.tools(call.server) if one.name == call.tool), None)
    if tool is None or tool.kind != "third-party":
        return
    what, schema = f"{call.server}.{call.tool}", tool.input_schema
    properties = schema.get("properties")
    if isinstance(properties, dict) and not any(schema.get(key) for key in _FREE):
        for name in call.arguments:
            if name not in properties:
                near = get_close_matches(name, properties, n=1, cutoff=0.6)
                hint = f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(properties) or 'none'}"
                raise BadInput(f"{what} has no argument {name!r}: {hint}")
    required = schema.get("required")
    missing = [name for name in required if name not in call.arguments] if isinstance(required, list) else []
    if missing:
        raise BadInput(f"{what} needs {', '.join(map(str, missing))}: give it as an argument")


def _written(text: str) -> Target:
    match = _WRITTEN.fullmatch(text)
    if match is None:
        raise BadInput(
            f"{text[:80]!r} is no target: write namespace/workload or namespace, in small letters, digits and hyphens, "
            f"such as 'shop/checkout'"
        )
    return Target(namespace=match["namespace"], workload=match["workload"])


def _a(given: object) -> str:
    return f"a value of type {type(given).__name__}"
