"""Deploying through a session on the embedded world, as the notebook does: what it costs, what fails, who may."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import codenb
from codenb.actions import decision
from codenb.demo import WorldThread
from codenb.models import ApprovalRequest, Decision

WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: staging}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: app
          image: registry.example/test-app:1.0
          resources: {requests: {cpu: "1", memory: 64Mi}}
"""
PRICES = """\
provider,sku,region,unit,amount,currency,source,as_of
kubernetes,cpu,*,core-hour,1,USD,contract,2026-11-01
"""


class _Yes:
    async def decide(self, request: ApprovalRequest) -> Decision:
        return decision(request, approve=True, by="test", approver="test")


async def test_deployed_broken_and_taken_back(home: Path) -> None:
    """A bad tag: the failure names the pod and the event, and the undo that it proposes mends it."""
    async with codenb.connect("demo:deploy") as nb:
        first = await nb.propose("deployment", "deploy_kubernetes", manifests=[WEB])
        made = await nb.execute(first, _Yes())
        bad = WEB.replace("test-app:1.0", "test-app:nope").replace('cpu: "1"', 'cpu: "500m"')
        second = await nb.propose("deployment", "deploy_kubernetes", manifests=[bad], timeout=8)
        broken = await nb.execute(second, _Yes())
        undone = await nb.execute(await nb.undo(broken[0]), _Yes())
        after = await nb.diff(WEB)

    assert first.preview is not None
    assert second.preview is not None
    assert f"{first.preview.change.cost_usd_month:+.2f} USD a month" in str(first)
    assert first.preview.change.cost_usd_month > 0 > second.preview.change.cost_usd_month
    assert "- {}" not in str(first)
    assert [one.status for one in (*made, *broken, *undone)] == ["verified", "failed", "verified"]
    report = broken[0].answer
    assert isinstance(report, dict)
    (failed,) = report["not_ready"]
    assert failed["object"] == "Deployment staging/web"
    assert failed["pods"][0].startswith("web-")
    assert "Failed" in {one["reason"] for one in failed["events"]}
    assert "cannot pull registry.example/test-app:nope" in broken[0].message
    assert (after.changed, after.ready_replicas) == (0, 2)


async def test_the_cost_of_a_change_is_by_ones_own_prices(home: Path) -> None:
    """A team that pays another price reads its own in the question that it answers."""
    (home / "prices.csv").write_text(PRICES)
    (home / "codenb.toml").write_text('[servers.deployment]\nprices = "prices.csv"\n')
    async with codenb.connect("demo:deploy", home=home) as nb:
        proposal = await nb.propose("deployment", "deploy_kubernetes", manifests=[WEB])
        estimate = await nb.estimate(WEB)

    assert proposal.preview is not None
    assert proposal.preview.change.cost_usd_month == pytest.approx(float(estimate.total))
    assert proposal.preview.change.cost_usd_month > 2 * 730


async def test_who_may_only_look_gets_a_marked_diff_and_both_name_the_permission(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dry run needs the permission of the write: without it the diff is ours, and says so."""
    with WorldThread("deploy") as world:
        kubeconfig = home / "kubeconfig"
        given = json.loads(world.kubeconfig.read_text())
        kubeconfig.write_text(json.dumps(given | {"current-context": f"{given['current-context']}-viewer"}))
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
        async with codenb.connect(home) as nb:
            diff = await nb.diff(WEB)
            proposal = await nb.propose("deployment", "deploy_kubernetes", manifests=[WEB])
            outcomes = await nb.execute(proposal, _Yes())

    assert (diff.changed, diff.local) == (1, True)
    assert "patch" in diff.local_reason
    assert "deployments" in diff.local_reason
    assert "patch" in str(proposal.problem)
    assert [one.status for one in outcomes] == ["refused"]
