"""What the resources of a Terraform plan use, as `terraform show -json` writes it.

Format: https://developer.hashicorp.com/terraform/internals/json-format. Instances of `count` and `for_each` are
expanded there already.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from codenb.errors import BadInput
from codenb.servers.cost import aws
from codenb.servers.cost.items import AWS_REGION
from codenb.servers.cost.usage import LARGEST, Demand

_DEEPEST = 50
_KEY = re.compile(r'\[(?:\d+|"(?:[^"\\]|\\.)*")\]')  # of an instance: a number, or text that may hold anything
_ASSUMED = f"where the plan names no region, prices are those of {AWS_REGION}"
_KEPT = ("root_block_device", "ebs_block_device", "availability_zone", "region")
"""What a plan leaves open where a resource is replaced, and what stays as it was unless somebody says otherwise."""

_GROUP = "aws_autoscaling_group"


@dataclass(frozen=True, slots=True)
class Resource:
    """One managed resource with its values, before or after."""

    address: str
    type: str
    values: Mapping[str, Any]


def is_plan(told: Mapping[str, Any]) -> bool:
    """Whether a dict is a plan's or a state's JSON."""
    return bool({"planned_values", "resource_changes", "terraform_version"} & told.keys()) or (
        "format_version" in told and "values" in told
    )


def planned(plan: Mapping[str, Any]) -> Demand:
    """What there will be once the plan is applied.

    Args:
        plan: A plan's JSON, or a state's.

    Raises:
        BadInput: It holds no resources in a form that is known.
    """
    values = plan.get("planned_values") or plan.get("values")
    if isinstance(values, Mapping):
        found = list(_resources(values.get("root_module")))
    elif isinstance(plan.get("resource_changes"), list):
        found = [after for _, after in changes(plan).values() if after]
    else:
        raise BadInput(
            "this plan has neither planned_values nor resource_changes: "
            "give what `terraform show -json PLANFILE` writes"
        )
    return demand(found, plan)


def changes(plan: Mapping[str, Any]) -> dict[str, tuple[Resource | None, Resource | None]]:
    """Every managed resource that the plan names, before and after, by address."""
    listed = plan.get("resource_changes")
    found: dict[str, tuple[Resource | None, Resource | None]] = {}
    for one in listed if isinstance(listed, list) else []:
        change = one.get("change") if isinstance(one, Mapping) else None
        if not isinstance(change, Mapping) or one.get("mode") == "data":
            continue
        address, sort = str(one.get("address", "")), str(one.get("type", ""))
        if one.get("deposed"):
            address = f"{address} (deposed {one['deposed']})"
        old, new = change.get("before"), change.get("after")
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            unknown = _dict(change.get("after_unknown"))
            new = {key: old[key] for key in _KEPT if unknown.get(key) is True and key in old} | dict(new)
        before, after = (Resource(address, sort, side) if isinstance(side, Mapping) else None for side in (old, new))
        found[address] = before, after
    return found


def demand(resources: list[Resource], plan: Mapping[str, Any]) -> Demand:
    """What resources use together; see `demands`."""
    return Demand.of(demands(resources, plan).values())


def demands(resources: list[Resource], plan: Mapping[str, Any]) -> dict[str, Demand]:
    """What each resource uses, by address.

    Args:
        resources: Before or after, all of one side: groups look up their launch templates among them.
        plan: Names the regions, and which template a group refers to.
    """
    regions, templates = _Regions(plan), _Templates(plan, resources)
    return {one.address: _one(one, regions, templates) for one in resources}


def _one(resource: Resource, regions: _Regions, templates: _Templates) -> Demand:
    read = aws.PRICED.get(resource.type)
    if read is None and resource.type != _GROUP:
        if aws.free(resource.type):
            return Demand()
        return Demand(unknown=(f"{resource.address}: no price for resources of type {resource.type}",))
    region = regions.of(resource)
    made = (
        _group(resource, region or AWS_REGION, templates)
        if read is None
        else read(resource.address, resource.values, region or AWS_REGION)
    )
    return made if region else Demand.of([made, Demand(notes=(_ASSUMED,))])


def _group(group: Resource, region: str, templates: _Templates) -> Demand:
    wanted = next(
        (group.values.get(key) for key in ("desired_capacity", "min_size") if group.values.get(key) is not None), None
    )
    if isinstance(wanted, bool) or not isinstance(wanted, int | float) or not 0 <= wanted <= LARGEST["instances"]:
        return Demand(unknown=(f"{group.address}: how many instances it has is known only after the apply",))
    if group.values.get("mixed_instances_policy"):
        return Demand(unknown=(f"{group.address}: its instances are of several types, chosen when they start",))
    template = templates.of(group)
    if template is None:
        return Demand(unknown=(f"{group.address}: its launch template is not in the plan",))
    made = aws.instance(group.address, template.values, region, Decimal(str(wanted)))
    note = (
        f"{group.address}: priced with {wanted:g} instances; it may have up to {group.values.get('max_size', 'more')}"
    )
    return Demand(made.usages, made.unknown, (*made.notes, note))


class _Regions:
    """Where resources are: as they say themselves, else as their provider is configured."""

    def __init__(self, plan: Mapping[str, Any]) -> None:
        configuration = _dict(plan.get("configuration"))
        self._variables = _dict(plan.get("variables"))
        self._providers = {
            key: self._constant(_dict(_dict(one).get("expressions")).get("region"))
            for key, one in _dict(configuration.get("provider_config")).items()
        }
        self._keys = {
            address: str(one.get("provider_config_key", ""))
            for address, one in _configured(configuration.get("root_module"))
        }

    def of(self, resource: Resource) -> str:
        """A resource's region; empty where the plan names none."""
        told = resource.values.get("region")
        zone, arn = resource.values.get("availability_zone"), str(resource.values.get("arn") or "").split(":")
        if isinstance(told, str) and told:
            return told
        if isinstance(zone, str) and zone[-1:].isalpha():
            return zone[:-1]
        if len(arn) > 3 and arn[3]:  # noqa: PLR2004  arn:partition:service:region:account:resource
            return arn[3]
        key = self._keys.get(_template_address(resource.address), "aws")
        return self._providers.get(key) or self._providers.get(key.rpartition(":")[2]) or ""

    def _constant(self, expression: Any) -> str:
        told = _dict(expression)
        if isinstance(told.get("constant_value"), str):
            return str(told["constant_value"])
        for reference in _list(told.get("references")):
            if isinstance(reference, str) and reference.startswith("var."):
                value = _dict(self._variables.get(reference.removeprefix("var."))).get("value")
                if isinstance(value, str):
                    return value
        return ""


class _Templates:
    """Which launch template an autoscaling group uses."""

    def __init__(self, plan: Mapping[str, Any], resources: list[Resource]) -> None:
        self._there = [one for one in resources if one.type in aws.TEMPLATES]
        root = _dict(plan.get("configuration")).get("root_module")
        self._expressions = {address: _dict(one.get("expressions")) for address, one in _configured(root)}

    def of(self, group: Resource) -> Resource | None:
        """By its id or name, else by the reference in the configuration."""
        blocks = [one for one in _list(group.values.get("launch_template")) if isinstance(one, Mapping)]
        names = {one.get(key) for one in blocks for key in ("id", "name")} | {group.values.get("launch_configuration")}
        names = {name for name in names if isinstance(name, str) and name}
        for one in self._there:
            if names & {one.values.get("id"), one.values.get("name")}:
                return one
        module = _module(group.address)
        expressions = self._expressions.get(_template_address(group.address), {})
        wanted = {f"{module}{name}" for name in _references(expressions)}
        return next((one for one in self._there if {_template_address(one.address), one.address} & wanted), None)


def _references(expressions: Mapping[str, Any]) -> Iterator[str]:
    blocks = expressions.get("launch_template")
    held = [*(_list(blocks) or [blocks]), {"launch_configuration": expressions.get("launch_configuration")}]
    for block in held:
        for expression in _dict(block).values():
            for reference in _list(_dict(expression).get("references")):
                if isinstance(reference, str):
                    yield ".".join(reference.split("[")[0].split(".")[:2])
                    yield ".".join(reference.split(".")[:2])


def _resources(module: Any) -> Iterator[Resource]:
    """All managed resources of a module and of those within."""
    waiting = [(module, 0)]
    while waiting:
        told, depth = waiting.pop()
        for one in _list(_dict(told).get("resources")):
            if isinstance(one, Mapping) and one.get("mode") != "data":
                yield Resource(str(one.get("address", "")), str(one.get("type", "")), _dict(one.get("values")))
        if depth < _DEEPEST:
            waiting += [(child, depth + 1) for child in _list(_dict(told).get("child_modules"))]


def _configured(module: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every resource block of the configuration, by its address without instance keys."""
    waiting: list[tuple[str, Any, int]] = [("", module, 0)]
    while waiting:
        path, told, depth = waiting.pop()
        for one in _list(_dict(told).get("resources")):
            if isinstance(one, Mapping):
                yield f"{path}{one.get('address', '')}", one
        if depth < _DEEPEST:
            calls = _dict(_dict(told).get("module_calls"))
            waiting += [(f"{path}module.{name}.", _dict(call).get("module"), depth + 1) for name, call in calls.items()]


def _template_address(address: str) -> str:
    """An address without instance keys, such as `module.web.aws_instance.this`."""
    return _KEY.sub("", address)


def _module(address: str) -> str:
    """The path of the module in which a resource is, with a dot at its end; empty for the root."""
    plain = _template_address(address)
    return ".".join([*plain.split(".")[:-2], ""]) if plain.startswith("module.") else ""


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
