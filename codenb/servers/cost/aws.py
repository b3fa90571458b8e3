"""What AWS resources of a Terraform plan use, from their planned values.

Attributes are those of the AWS provider (https://registry.terraform.io/providers/hashicorp/aws/latest/docs). What a
plan does not say (traffic, requests, the size of an image's root volume) is named, never guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from codenb.servers.cost.usage import LARGEST, Demand, Dimension, Usage

_PROVIDER = "aws"
_FREE_IOPS, _FREE_THROUGHPUT = Decimal(3000), Decimal(125)
"""What a gp3 volume has without extra charge: https://aws.amazon.com/ebs/volume-types/"""

_OPEN_ENGINES = ("postgres", "mysql", "mariadb")
"""Engines whose instances carry no licence, as the prices in the book do."""

Values = Mapping[str, Any]


def instance(address: str, values: Values, region: str, times: Decimal = Decimal(1)) -> Demand:
    """`aws_instance`, or what a launch template says one is: compute and its disks.

    Args:
        address: Of the resource that pays for it.
        values: With `instance_type` and block devices.
        region: Where it runs.
        times: How many.
    """
    sort = _text(values.get("instance_type"))
    why = "" if sort else "its instance type is known only after the apply"
    if spot := _spot(values):
        why = spot
    elif (tenancy := _text(values.get("tenancy"))) not in ("", "default"):
        why = f"no price for tenancy {tenancy}"
    usages = [
        _usage(address, "compute", "time", (sort,), region, times, why=f"{why} ({sort})" if why and sort else why)
    ]
    usages += _devices(address, values, region, times)
    notes = ["instances are priced on demand, with Linux"]
    if not _blocks(values, "root_block_device"):
        notes.append(f"{address}: its root volume comes from its image, and is not in the plan nor in the total")
    return Demand(tuple(usages), notes=tuple(notes))


def volume(address: str, values: Values, region: str) -> Demand:
    """`aws_ebs_volume`."""
    return Demand(tuple(_disk(address, "storage", values, region, Decimal(1), usual="gp2")))


def database(address: str, values: Values, region: str) -> Demand:
    """`aws_db_instance`: the instance, and its storage, for which the book has no price."""
    sort, engine = _text(values.get("instance_class")), _text(values.get("engine"))
    why = "" if sort else "its instance class is known only after the apply"
    if values.get("multi_az") is True:
        why = f"no price for {sort} in several zones"
    elif engine and not engine.startswith(_OPEN_ENGINES):
        why = f"no price for {sort} with engine {engine}"
    usages = [_usage(address, "database", "time", (sort,), region, Decimal(1), why=why)]
    size = _number(values.get("allocated_storage"))
    kind = _text(values.get("storage_type")) or "gp2"
    if size is None:
        return Demand(tuple(usages), (f"{address}: the size of its storage is known only after the apply",))
    return Demand((*usages, _usage(address, "storage", "storage", (f"rds-{kind}",), region, size)))


def load_balancer(address: str, values: Values, region: str) -> Demand:
    """`aws_lb` and `aws_alb`."""
    sort = _text(values.get("load_balancer_type")) or "application"
    usage = _usage(address, "load balancer", "time", (f"{sort}-load-balancer",), region, Decimal(1))
    return Demand((usage,), notes=(f"{address}: its capacity units depend on traffic, and are not in the total",))


def nat_gateway(address: str, values: Values, region: str) -> Demand:
    """`aws_nat_gateway`."""
    del values
    usage = _usage(address, "NAT gateway", "time", ("nat-gateway",), region, Decimal(1))
    return Demand((usage,), notes=(f"{address}: what it processes depends on traffic, and is not in the total",))


PRICED: dict[str, Callable[[str, Values, str], Demand]] = {
    "aws_instance": instance,
    "aws_ebs_volume": volume,
    "aws_db_instance": database,
    "aws_lb": load_balancer,
    "aws_alb": load_balancer,
    "aws_nat_gateway": nat_gateway,
}

TEMPLATES = ("aws_launch_template", "aws_launch_configuration")
"""They cost nothing themselves, and say what the instances of a group are."""

_FREE_TYPES = frozenset(
    {
        *("aws_vpc", "aws_subnet", "aws_route", "aws_route_table", "aws_route_table_association"),
        *("aws_main_route_table_association", "aws_internet_gateway", "aws_egress_only_internet_gateway"),
        *("aws_security_group", "aws_security_group_rule", "aws_default_security_group", "aws_default_vpc"),
        *("aws_default_subnet", "aws_default_route_table", "aws_default_network_acl", "aws_network_acl"),
        *("aws_network_acl_rule", "aws_network_interface", "aws_network_interface_attachment"),
        *("aws_vpc_dhcp_options", "aws_vpc_dhcp_options_association", "aws_vpc_security_group_ingress_rule"),
        *("aws_vpc_security_group_egress_rule", "aws_key_pair", "aws_placement_group"),
        *("aws_volume_attachment", "aws_ami_launch_permission", "aws_lb_listener", "aws_alb_listener"),
        *("aws_lb_listener_rule", "aws_alb_listener_rule", "aws_lb_listener_certificate"),
        *("aws_lb_target_group", "aws_alb_target_group", "aws_lb_target_group_attachment"),
        *("aws_alb_target_group_attachment", "aws_db_subnet_group", "aws_db_parameter_group"),
        *("aws_db_option_group", "aws_autoscaling_attachment", "aws_autoscaling_policy"),
        *("aws_autoscaling_schedule", "aws_autoscaling_lifecycle_hook", "aws_s3_bucket_policy"),
        *("aws_s3_bucket_versioning", "aws_s3_bucket_public_access_block", "aws_s3_bucket_ownership_controls"),
        *("aws_acm_certificate", "aws_acm_certificate_validation", "aws_lambda_permission", "aws_ecs_cluster"),
    }
)
_FREE_PREFIXES = ("aws_iam_", "terraform_", "null_", "random_", "local_", "tls_", "time_", "template_", "http_")


def free(sort: str) -> bool:
    """Whether a resource type costs nothing by itself."""
    return sort in _FREE_TYPES or sort in TEMPLATES or sort.startswith(_FREE_PREFIXES)


def _spot(values: Values) -> str:
    markets = [_text(one.get("market_type")) for one in _blocks(values, "instance_market_options")]
    return "no price for spot instances" if "spot" in markets or values.get("spot_price") else ""


def _devices(address: str, values: Values, region: str, times: Decimal) -> Iterator[Usage]:
    for one in _blocks(values, "root_block_device"):
        yield from _disk(address, "root volume", one, region, times, usual="gp2")
    for one in _blocks(values, "ebs_block_device"):
        yield from _disk(address, f"volume {_text(one.get('device_name'))}".strip(), one, region, times, usual="gp2")
    for one in _blocks(values, "block_device_mappings"):  # of a launch template
        for ebs in _blocks(one, "ebs"):
            named = f"volume {_text(one.get('device_name'))}".strip()
            yield from _disk(address, named, ebs, region, times, usual="gp2")


def _disk(address: str, named: str, values: Values, region: str, times: Decimal, *, usual: str) -> Iterator[Usage]:
    sort = _text(values.get("volume_type") or values.get("type")) or usual
    size = _number(values.get("volume_size") if values.get("volume_size") is not None else values.get("size"))
    why = "" if size is not None else f"the size of {named} is known only after the apply"
    yield _usage(address, named, "storage", (sort,), region, times * (size or Decimal(0)), why=why)
    if sort != "gp3":
        return
    for what, key, included in (("IOPS", "iops", _FREE_IOPS), ("MB/s", "throughput", _FREE_THROUGHPUT)):
        asked = _number(values.get(key))
        if asked is not None and asked > included:
            over = f"no price for the {asked - included:f} {what} over the {included} that gp3 has"
            yield _usage(address, f"{named} {key}", "time", (), region, times, why=over)


def _usage(  # noqa: PLR0917  the fields of a usage, in their order
    address: str,
    component: str,
    dimension: Dimension,
    skus: tuple[str, ...],
    region: str,
    amount: Decimal,
    *,
    why: str = "",
) -> Usage:
    if amount > LARGEST["GB"]:
        amount, why = Decimal(0), f"an amount of {amount:.3g} cannot be meant"
    return Usage(address, component, dimension, _PROVIDER, skus, region, amount, why=why)


def _blocks(values: Values, name: str) -> list[Values]:
    """Nested blocks: a list in a plan, whatever its length."""
    held = values.get(name)
    listed = held if isinstance(held, list) else [held]
    return [one for one in listed if isinstance(one, Mapping)]


def _text(value: Any) -> str:
    return value.strip()[:200] if isinstance(value, str) else ""


def _number(value: Any) -> Decimal | None:
    """A number of a plan, which may write it as text; None where it is none that can be counted."""
    if isinstance(value, bool) or not isinstance(value, int | float | str) or len(str(value)) > 40:  # noqa: PLR2004
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() and number >= 0 else None
