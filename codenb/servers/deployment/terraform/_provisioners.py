"""What a plan would run besides its providers: the provisioners of a resource, programs on this machine among them.

They stand in the configuration alone, not among the values that change; an approval that did not say them would be one
of any command.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue

from codenb.servers.deployment.terraform._secrets import Secrets

_KEY = re.compile(r"\[(?:\"(?:[^\"\\]|\\.)*\"|\d+)\]")
_CALL = re.compile(r"module\.([\w-]+)\.")


def provisioners_of(plan: Mapping[str, Any], address: str, secrets: Secrets) -> list[JsonValue]:
    """The provisioners of one resource, in their order.

    Args:
        plan: The plan JSON.
        address: Of the resource, with module and index.
        secrets: What is replaced.

    Returns:
        Of each its `type`, and by argument the text where it is written out, else what it refers to: the plan does not
        tell the words between references, nor whether it runs at the creation or the destruction.
    """
    plain = _KEY.sub("", address)
    module: Mapping[str, Any] = plan.get("configuration", {}).get("root_module", {})
    while call := _CALL.match(plain):
        module = module.get("module_calls", {}).get(call[1], {}).get("module", {})
        plain = plain[call.end() :]
    for resource in module.get("resources") or ():
        if resource.get("address") == plain and resource.get("mode") == "managed":
            return [_shown(one, secrets) for one in resource.get("provisioners") or ()]
    return []


def _shown(provisioner: Mapping[str, Any], secrets: Secrets) -> JsonValue:
    arguments = {
        name: secrets.masked(value["constant_value"] if "constant_value" in value else value.get("references"))
        for name, value in (provisioner.get("expressions") or {}).items()
        if isinstance(value, Mapping)
    }
    return {"type": str(provisioner.get("type")), **arguments}
