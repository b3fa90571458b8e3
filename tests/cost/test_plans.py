"""Terraform plans: what there will be, what it adds a month, and what the plan does not say."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codenb.errors import BadInput
from codenb.servers.cost import estimate, monthly_delta_of_plan, monthly_deltas_of_plan

GROUP = "aws_autoscaling_group.web"


def resource(address: str, **values: Any) -> dict[str, Any]:
    """A planned resource as `terraform show -json` writes it."""
    sort = address.partition("[")[0].split(".")[-2]
    return {"address": address, "mode": "managed", "type": sort, "name": "x", "values": values}


def plan(*resources: dict[str, Any], **more: Any) -> dict[str, Any]:
    module = {"resources": list(resources)}
    provider = {"aws": {"name": "aws", "expressions": {"region": {"constant_value": "us-east-1"}}}}
    told = {
        "format_version": "1.2",
        "planned_values": {"root_module": module},
        "configuration": {"provider_config": provider},
    }
    return told | more


def change(address: str, before: dict[str, Any] | None, after: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    """An entry of resource_changes."""
    made = resource(address)
    return {key: made[key] for key in ("address", "mode", "type", "name")} | {
        "change": {"actions": ["update"], "before": before, "after": after, **more}
    }


def changes(*listed: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"format_version": "1.2", "resource_changes": list(listed)} | more


def test_three_instances_of_a_count_and_a_volume():
    """The same sum as of the items: instances of `count` come expanded."""
    servers = [resource(f"aws_instance.web[{at}]", instance_type="m5.large") for at in range(3)]

    made = estimate(plan(*servers, resource("aws_ebs_volume.data", type="gp3", size=100)))

    assert made.total == Decimal("218.24")
    assert not made.at_least
    assert next(iter(made.by_resource)) == "aws_instance.web[0]"
    assert any("its root volume comes from its image" in note for note in made.notes)


def test_block_devices_count_with_their_instance():
    """Root and data disks are on the bill of the instance; what gp3 has beyond its base has no price here."""
    made = estimate(
        plan(
            resource(
                "aws_instance.db",
                instance_type="r5.large",
                root_block_device=[{"volume_type": "gp3", "volume_size": 50}],
                ebs_block_device=[{"device_name": "/dev/sdb", "volume_type": "gp3", "volume_size": 100, "iops": 4000}],
            )
        )
    )

    assert made.total == Decimal("103.98")  # 730 x 0.126 + 150 x 0.08
    assert made.unpriced == ("aws_instance.db: no price for the 1000 IOPS over the 3000 that gp3 has",)


def test_load_balancers_gateways_and_databases():
    """What has a sourced price has one, and what has none says so."""
    made = estimate(
        plan(
            resource("aws_lb.front", load_balancer_type="application"),
            resource("aws_lb.inner", load_balancer_type="network"),
            resource("aws_nat_gateway.out"),
            resource("aws_db_instance.one", instance_class="db.t3.micro", engine="postgres", allocated_storage=20),
            resource("aws_db_instance.two", instance_class="db.m5.large", engine="oracle-se2", allocated_storage=20),
            resource("aws_db_instance.three", instance_class="db.m5.large", engine="mysql", multi_az=True),
            resource("aws_eks_cluster.main"),
            resource("aws_iam_role.free"),
            resource("terraform_data.free"),
        )
    )

    assert made.total == Decimal("62.42")  # 730 x (0.0225 + 0.045 + 0.018) = 62.415
    told = "\n".join(made.unpriced)
    assert "aws_lb.inner: no price for aws network-load-balancer in us-east-1" in told
    assert "aws_db_instance.two: no price for db.m5.large with engine oracle-se2" in told
    assert "aws_db_instance.three: no price for db.m5.large in several zones" in told
    assert "aws_eks_cluster.main: no price for resources of type aws_eks_cluster" in told
    assert "rds-gp2" in told
    assert "free" not in told


def test_a_group_is_its_launch_template_times_its_capacity():
    """The type of its instances stands in another resource, which the configuration refers to."""
    told = plan(
        resource(GROUP, desired_capacity=4, min_size=2, max_size=9, launch_template=[{"version": "$Latest"}]),
        resource("aws_launch_template.web", instance_type="t3.medium", name="web"),
    )
    reference = {"launch_template": [{"id": {"references": ["aws_launch_template.web.id", "aws_launch_template.web"]}}]}
    told["configuration"]["root_module"] = {"resources": [{"address": GROUP, "expressions": reference}]}

    made = estimate(told)

    assert made.total == Decimal("121.47")  # 4 x 730 x 0.0416 = 121.472
    assert any("it may have up to 9" in note for note in made.notes)


@pytest.mark.parametrize(
    "values",
    [
        {"desired_capacity": 2},
        {"desired_capacity": None, "min_size": "two"},
        {"desired_capacity": 2, "mixed_instances_policy": [{"launch_template": []}]},
    ],
)
def test_a_group_of_unknown_instances_is_a_lower_bound(values):
    """Nobody knows what they cost, so the total must not look complete."""
    assert estimate(plan(resource(GROUP, **values))).total_text == "at least 0.00 USD"


def test_modules_are_looked_into_and_data_sources_are_not():
    """Most plans are all modules; a data source is somebody else's bill."""
    inner = {"resources": [resource("module.a.module.b.aws_instance.x", instance_type="m5.large")]}
    told = plan({**resource("aws_instance.read", instance_type="m5.large"), "mode": "data"})
    told["planned_values"]["root_module"]["child_modules"] = [{"child_modules": [inner]}]

    assert estimate(told).total == Decimal("70.08")


@pytest.mark.parametrize(
    ("configuration", "values", "region"),
    [
        ({}, {"availability_zone": "eu-west-1b"}, "eu-west-1"),
        ({}, {"region": "eu-west-2"}, "eu-west-2"),
        ({}, {"arn": "arn:aws:ec2:eu-west-3:1:instance/i"}, "eu-west-3"),
        ({"aws": {"expressions": {"region": {"constant_value": "eu-north-1"}}}}, {}, "eu-north-1"),
        ({"aws": {"expressions": {"region": {"references": ["var.region"]}}}}, {}, "eu-south-1"),
    ],
)
def test_a_price_of_another_region_is_not_taken(configuration, values, region):
    """The book knows one region; an instance elsewhere is unpriced, not cheap."""
    told = plan(resource("aws_instance.x", instance_type="m5.large", **values))
    told["configuration"] = {"provider_config": configuration}
    told["variables"] = {"region": {"value": "eu-south-1"}}

    assert estimate(told).unpriced == (f"aws_instance.x: no price for aws m5.large in {region}",)


def test_without_any_region_the_assumption_is_stated():
    """It is priced, and the reader is told as what."""
    made = estimate(changes(change("aws_instance.x", None, {"instance_type": "m5.large"})))

    assert made.total == Decimal("70.08")
    assert "where the plan names no region, prices are those of us-east-1" in made.notes


@pytest.mark.parametrize(
    "market",
    [{"instance_market_options": [{"market_type": "spot"}]}, {"tenancy": "dedicated"}, {"instance_type": None}],
)
def test_what_is_not_on_demand_is_not_priced_as_if(market):
    """A spot instance costs less, a dedicated one more, and an unknown type who knows."""
    made = estimate(plan(resource("aws_instance.x", **({"instance_type": "m5.large"} | market))))

    assert made.at_least
    assert made.total == 0


def test_a_plan_without_resources_in_it_is_refused():
    """It may be the JSON of something else, such as the plan's stream of messages."""
    with pytest.raises(BadInput, match="neither planned_values nor resource_changes"):
        estimate({"format_version": "1.2", "terraform_version": "1.15.5"})


def test_what_a_plan_adds_a_month():
    """Created, changed and deleted: the difference is what a person decides on."""
    told = changes(
        change("aws_instance.a", {"instance_type": "m5.large"}, {"instance_type": "m5.xlarge"}),
        change("aws_instance.b", {"instance_type": "t3.micro"}, None),
        change("aws_ebs_volume.c", None, {"type": "gp3", "size": 100}),
        change("aws_security_group.d", None, {"name": "x"}),
    )

    assert monthly_delta_of_plan(told) == (Decimal("70.49"), "")  # 70.08 - 7.592 + 8
    one = monthly_deltas_of_plan(told)
    assert one["aws_instance.a"] == (Decimal("70.08"), "")
    assert one["aws_instance.b"] == (Decimal("-7.59"), "")
    assert one["aws_security_group.d"] == (Decimal("0.00"), "")


def test_what_is_unpriced_on_both_sides_alike_is_no_difference():
    """A tag changes on a resource without price: that costs nothing, and is known to cost nothing."""
    told = changes(
        change("aws_eks_cluster.x", {"name": "x", "tags": {}}, {"name": "x", "tags": {"a": "b"}}),
        change("aws_ebs_volume.c", None, {"type": "gp3", "size": 100}),
    )

    assert monthly_delta_of_plan(told) == (Decimal("8.00"), "")


def test_an_added_unknown_is_a_lower_bound_and_a_changed_one_is_unknown():
    """None, never zero: somebody would believe it."""
    added = changes(
        change("aws_eks_cluster.x", None, {"name": "x"}), change("aws_ebs_volume.c", None, {"type": "gp3", "size": 100})
    )
    alone = changes(change("aws_eks_cluster.x", None, {"name": "x"}))
    gone = changes(change("aws_instance.x", {"instance_type": "x9.huge"}, {"instance_type": "m5.large"}))

    assert monthly_delta_of_plan(added) == (
        Decimal("8.00"),
        "at least: aws_eks_cluster.x: no price for resources of type aws_eks_cluster",
    )
    assert monthly_delta_of_plan(alone)[0] is None
    assert monthly_delta_of_plan(gone)[0] is None
    assert "no price for aws x9.huge" in monthly_delta_of_plan(gone)[1]


def test_a_replaced_instance_keeps_the_disk_that_the_plan_leaves_open():
    """A plan does not know the new root volume; that must not look like a saving."""
    disk = [{"volume_type": "gp3", "volume_size": 50}]
    told = changes(
        change(
            "aws_instance.x",
            {"instance_type": "m5.large", "root_block_device": disk},
            {"instance_type": "m5.large", "ami": "new"},
            after_unknown={"root_block_device": True},
        )
    )

    assert monthly_delta_of_plan(told) == (Decimal("0.00"), "")


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["", "m5.large", "gp3", "aws_instance", "[", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *(
                        "resources",
                        "values",
                        "type",
                        "address",
                        "child_modules",
                        "root_module",
                        "instance_type",
                        "size",
                    ),
                    *("root_block_device", "change", "before", "after", "mode", "launch_template", "desired_capacity"),
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON, JSON, JSON)
def test_whatever_is_in_a_plan_the_answer_is_an_estimate_or_one_line(values, listed, configuration):
    """Plans come from other programs and other versions; none of them is worth a traceback."""
    told = {
        "format_version": "1.2",
        "planned_values": values,
        "resource_changes": listed,
        "configuration": configuration,
    }
    told["resource_changes"] = (
        listed if isinstance(listed, list) else [change("aws_instance.x", None, {"instance_type": listed})]
    )
    try:
        assert estimate(told).total >= 0
    except BadInput as error:
        assert "neither planned_values nor resource_changes" in str(error)  # noqa: PT017  either is right
    amount, note = monthly_delta_of_plan(told)
    assert amount is None or isinstance(amount, Decimal)
    assert isinstance(note, str)
