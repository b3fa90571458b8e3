"""Plan JSON as a table: what no built-in resource can be made to do, in the documented format."""

from __future__ import annotations

from typing import Any

from codenb.models import TerraformPlan
from codenb.servers._base._sealing import Sealer
from codenb.servers.deployment.terraform._secrets import Secrets
from codenb.servers.deployment.terraform._table import changes_of, counts_of, drift_of
from codenb.views import to_text

SECRETS = Secrets(Sealer(b"a key of the tests"))


def resource(address: str, *actions: str, **more: Any) -> dict[str, Any]:
    change = {"actions": list(actions), "before": {"size": 1}, "after": {"size": 2}, "after_unknown": {}}
    change |= {key: more.pop(key) for key in ("importing", "replace_paths", "after") if key in more}
    return {"address": address, "type": address.partition(".")[0], "change": change, **more}


def test_each_way_to_act_is_told_apart():
    """A replacement that destroys first, one that creates first, and a resource that is only forgotten differ."""
    listed = [
        resource("db.one", "delete", "create", replace_paths=[["disks", 0, "type"]]),
        resource("db.two", "create", "delete"),
        resource("db.three", "forget", after=None),
        resource("db.four", "no-op", previous_address="db.old"),
        resource("db.five", "update", importing={"id": "i-1"}),
        resource("db.six", "no-op"),
    ]
    changes = changes_of({"resource_changes": listed}, SECRETS, {"db.two": 1.5})
    found = {one.address: one for one in changes}

    assert list(found) == ["db.one", "db.two", "db.three", "db.four", "db.five"]
    assert found["db.one"].replaced_by == ("disks[0].type",)
    assert found["db.one"].after == {"(how)": "destroyed, then created, because of disks[0].type", "size": 2}
    assert found["db.two"].after == {"(how)": "created, then the old one destroyed", "size": 2}
    assert found["db.two"].cost_usd_month == 1.5
    assert found["db.three"].after == {"(how)": "forgotten, not destroyed"}
    assert found["db.four"].reason == "moved from db.old"
    assert found["db.five"].reason == "imported"
    assert counts_of(changes) == {"update": 1, "forget": 1, "replace": 2}


def test_what_changed_outside_stands_in_a_table_of_its_own():
    """Drift is what somebody did by hand, and is not what the apply would do."""
    drift = drift_of({"resource_drift": [resource("db.one", "update"), resource("db.two", "no-op")]}, SECRETS)
    plan = TerraformPlan(plan_id="p", digest="d", workspace="w", drift=tuple(drift))
    text = to_text(plan.view())

    assert [(one.address, one.drift, one.before, one.after) for one in drift] == [
        ("db.one", True, {"size": 1}, {"size": 2})
    ]
    assert "changed outside of it" in text
    assert "Nothing to change" in text


def test_a_plan_of_thousands_is_shown_with_how_many_were_left_out():
    """A page of 5,000 rows freezes a notebook; the frame has them all."""
    many = changes_of({"resource_changes": [resource(f"db.n{at}", "update") for at in range(5000)]}, SECRETS, {})
    plan = TerraformPlan(plan_id="p", digest="d", workspace="w", changes=tuple(many), to_change=5000)

    assert len(plan.frame()) == 5000
    assert "4,800" in to_text(plan.view())
