"""Rules that approve in a person's stead: narrow, spelt out, and never about what needs a person."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import codenb
from codenb.actions import execute, none, objection, policy, propose
from codenb.config import load
from codenb.errors import ConfigError
from codenb.host import Host
from codenb.models import ApprovalRequest, Change, Entity, Place, Preview, Proposal, ToolCall

NOW = datetime.now(UTC)
PROD = "7d9e2a6c-0000-4000-8000-000000000001"
RULE = {"effect": "approve", "cluster": PROD, "server": "kubernetes", "tool": "scale_*", "namespace": "shop"}
LIMITS = {"replicas": {"min": 1, "max": 10}}


def asked(
    replicas: Any = 6,
    *,
    cluster: str = PROD,
    tool: str = "scale_deployment",
    namespaces: tuple[str | None, ...] = ("shop",),
    **more: Any,
) -> ApprovalRequest:
    """A request for scaling web in production."""
    place = Place(name="prod", address="https://10.0.0.1", identity=cluster)
    call = ToolCall(server="kubernetes", tool=tool, arguments={"name": "web", "replicas": replicas})
    change = Change(
        summary=f"scale web to {replicas}",
        entity=Entity(kind="Deployment", name="web", namespace=namespaces[0]),
        namespaces=namespaces,
        before={"replicas": 3},
        after={"replicas": replicas},
        destructive=more.get("destructive", False),
    )
    preview = Preview(
        id="one",
        digest=change.digest(place, call),
        call=call,
        place=place,
        change=change,
        created_at=NOW,
        expires_at=NOW + timedelta(hours=1),
    )
    proposal = Proposal(
        call=call, preview=preview if more.get("preview", True) else None, offered=more.get("offered", True)
    )
    return ApprovalRequest(proposal=proposal, place=place, asked_at=NOW)


def toml(value: Any) -> str:
    """A value as TOML writes it, inline."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(inner)}" for key, inner in value.items()) + " }"
    return value.isoformat() if isinstance(value, datetime) else json.dumps(value)


def written(folder: Path, *rules: dict[str, Any]) -> Path:
    """A codenb.toml with these rules."""
    file = folder / "codenb.toml"
    lines = [
        line for rule in rules for line in ("[[approval.policies]]", *(f"{k} = {toml(v)}" for k, v in rule.items()))
    ]
    file.write_text("\n".join(lines))
    return file


async def decided(folder: Path, request: ApprovalRequest, *rules: dict[str, Any]) -> Any:
    """What the rules say of a request."""
    return await policy(written(folder, *rules), otherwise=none(folder / "pending.json")).decide(request)


async def test_a_rule_approves_what_it_names_and_is_named_itself(tmp_path: Path) -> None:
    """The record of a change says which line of which file allowed it."""
    request = asked()

    yes = await decided(tmp_path, request, RULE | {"name": "scaling the shop", "limits": LIMITS})

    assert (yes.approve, yes.proof, yes.approver) == (True, "policy", "policy")
    assert yes.by == f"scaling the shop of {tmp_path / 'codenb.toml'}"
    assert objection(request, yes) == ""
    assert not (tmp_path / "pending.json").exists()


@pytest.mark.parametrize(
    ("request_", "rule", "words"),
    [
        (asked(cluster="another"), RULE, "no rule in .* allows it"),
        (asked(tool="restart_deployment"), RULE, "no rule in .* allows it"),
        (asked(namespaces=("shop", "payments")), RULE, "no rule in .* allows it"),
        (asked(namespaces=(None,)), RULE, "no rule in .* allows it"),
        (asked(), RULE | {"server": "Kubernetes"}, "no rule in .* allows it"),
        (asked(11), RULE | {"limits": LIMITS}, "does not allow it: replicas is 11, over 10"),
        (asked(0), RULE | {"limits": LIMITS}, "replicas is 0, under 1"),
        (asked(replicas=True), RULE | {"limits": LIMITS}, "replicas is True, which is no number"),
        (asked("6"), RULE | {"limits": LIMITS}, "replicas is '6', which is no number"),
        (asked(), RULE | {"limits": {"force": {"one_of": [False]}}}, "force is not given"),
        (asked(1), RULE | {"limits": {"replicas": {"one_of": [True, 2]}}}, "replicas is 1, which is not listed"),
        (asked(), RULE | {"expires": NOW - timedelta(seconds=1)}, "'rule 1' in .* expired at"),
        (asked(destructive=True), RULE, "may destroy something"),
        (asked(offered=False), RULE, "is not agreed on by the experts"),
        (asked(preview=False), RULE | {"namespace": "*"}, "no rule in .* allows it"),
    ],
)
async def test_what_no_rule_approves_waits_for_a_person(
    tmp_path: Path, request_: ApprovalRequest, rule: dict[str, Any], words: str
) -> None:
    """Deny is the default; what is written down says what was missing."""
    no = await decided(tmp_path, request_, rule)

    assert (no.approve, no.pending) == (False, True)
    assert re.search(words, no.reason), no.reason
    assert request_.digest in (tmp_path / "pending.json").read_text()


@pytest.mark.parametrize(
    "reject",
    [
        {"namespace": "pay*"},
        {"cluster": PROD, "name": "freeze"},
        {"tool": "scale_deployment", "server": "*"},
        {},
    ],
)
async def test_a_reject_wins_wherever_it_stands(tmp_path: Path, reject: dict[str, Any]) -> None:
    """One reached namespace that is closed closes the change; nobody else is asked then."""
    request = asked(namespaces=("shop", "payments"))
    allow = RULE | {"namespace": "*"}

    for rules in ([allow, {"effect": "reject"} | reject], [{"effect": "reject"} | reject, allow]):
        no = await decided(tmp_path, request, *rules)
        assert (no.approve, no.pending, no.proof) == (False, False, "policy")
    assert not (tmp_path / "pending.json").exists()


async def test_a_reject_holds_for_what_nobody_can_look_into(tmp_path: Path) -> None:
    """A third-party tool has no preview, so it may reach the namespace that is closed."""
    no = await decided(tmp_path, asked(preview=False), {"effect": "reject", "namespace": "payments"})

    assert (no.approve, no.pending) == (False, False)


async def test_an_expired_reject_rejects_no_longer(tmp_path: Path) -> None:
    """A freeze over the holidays ends by itself."""
    freeze = {"effect": "reject", "expires": NOW - timedelta(seconds=1)}

    assert (await decided(tmp_path, asked(), freeze, RULE)).approve


async def test_a_rule_taken_out_in_the_middle_of_a_run_counts_no_longer(tmp_path: Path) -> None:
    """Somebody stops a rollout by editing the file."""
    approver = policy(written(tmp_path, RULE), otherwise=none(tmp_path / "pending.json"))
    first = await approver.decide(asked())
    written(tmp_path, {"effect": "reject"})

    assert (first.approve, (await approver.decide(asked())).approve) == (True, False)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"effect": "allow"}, r"approval.policies\[0\].effect is 'allow': a rule says approve or reject"),
        ({"efect": "approve"}, "efect is not a setting: did you mean effect"),
        ({"cluster": ""}, "cluster is empty"),
        ({"cluster": "*"}, "cluster is a pattern"),
        ({"namespace": None}, "namespace is missing"),
        ({"tool": None}, "tool is missing"),
        ({"tool": " scale"}, "tool is empty or has white space"),
        ({"limits": {"replicas": {}}}, "limits nothing"),
        ({"limits": {"replicas": {"mx": 3}}}, "did you mean max"),
        ({"limits": {"replicas": {"min": 5, "max": 3}}}, "min is over max"),
        ({"limits": {"replicas": {"max": "3"}}}, "max is text, not a number"),
        ({"limits": {"replicas": {"one_of": []}}}, "one_of is no list"),
        ({"limits": {"replicas": 3}}, "not a table"),
        ({"expires": "soon"}, "is no time"),
        ({"expires": 3}, "is no time"),
        ({"effect": "reject", "limits": LIMITS}, "does not belong to a rule that rejects"),
    ],
)
def test_a_wrong_rule_is_named_before_the_run(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    """A rule that nobody heeds because of a typing error is worse than none."""
    rule = {key: value for key, value in (RULE | change).items() if value is not None}

    with pytest.raises(ConfigError, match=words):
        policy(written(tmp_path, rule))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "is not there"),
        ("", "has no"),
        ("[approval]\npolicys = []", "did you mean policies|has no"),
        ("[[approval.policies]\n", "is not TOML"),
    ],
)
def test_a_file_without_rules_is_no_policy(tmp_path: Path, text: str | None, words: str) -> None:
    """Whoever names a policy means one."""
    if text is not None:
        (tmp_path / "codenb.toml").write_text(text)

    with pytest.raises(ConfigError, match=words):
        policy(tmp_path / "codenb.toml")


def test_two_rules_of_one_name_are_refused(tmp_path: Path) -> None:
    """A record that names the rule has to name one."""
    with pytest.raises(ConfigError, match="two rules"):
        policy(written(tmp_path, RULE | {"name": "a"}, RULE | {"name": "a"}))


@given(replicas=st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(), st.booleans()))
async def test_no_argument_outside_of_the_limits_is_ever_approved(tmp_path_factory: Any, replicas: Any) -> None:
    """Whatever type a caller gives it."""
    folder = tmp_path_factory.mktemp("policy", numbered=True)
    answer = await decided(folder, asked(replicas), RULE | {"limits": LIMITS})

    within = isinstance(replicas, int | float) and not isinstance(replicas, bool) and 1 <= replicas <= 10
    assert answer.approve is within


async def test_a_run_goes_through_by_the_rules_of_its_project(host: Host, tmp_path: Path, shop: Any) -> None:
    """The whole way, on a real server: what the rule allows is carried out, what is over its limit waits."""
    proposal = await propose(host, ToolCall(server="toy", tool="scale", arguments={"name": "web", "replicas": 5}))
    over = await propose(host, ToolCall(server="toy", tool="scale", arguments={"name": "api", "replicas": 50}))
    assert proposal.preview
    rule = {
        "effect": "approve",
        "cluster": proposal.preview.place.identity,
        "server": "toy",
        "tool": "scale",
        "namespace": "shop",
    }
    approver = codenb.policy(written(tmp_path, rule | {"limits": LIMITS}), otherwise=none(tmp_path / "pending.json"))

    outcomes = await execute(host, [proposal, over], approver)

    assert [one.status for one in outcomes] == ["verified", "refused"]
    assert [one.decision.proof for one in outcomes if one.decision] == ["policy", "name"]
    assert "replicas is 50, over 10" in outcomes[1].message
    assert outcomes.exit_code == 3
    assert (shop.get()["web"], shop.get()["api"]) == (5, 2)
    load(tmp_path, {}, builtin=())  # the same file is the project's configuration
