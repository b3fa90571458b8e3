"""kubectl, as people have it, against a world."""

from __future__ import annotations

import json
import subprocess

import pytest

from codenb.demo import WorldThread

pytestmark = pytest.mark.parts


@pytest.fixture(scope="module")
def world():
    """A world whose clock runs: kubectl waits for things to happen."""
    with WorldThread("oom") as served:
        yield served


@pytest.fixture
def run(world, kubectl, tmp_path):
    """Runs kubectl; returns what it printed."""

    def call(*arguments, context=None, expect=0):
        command = [kubectl, "--kubeconfig", str(world.kubeconfig), "--cache-dir", str(tmp_path)]
        command += ["--context", context] if context else []
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=180, check=False)
        assert done.returncode == expect, done.stderr
        return done.stdout + (done.stderr if expect else "")

    return call


def test_get_shows_the_failing_state(run):
    """The first thing that a person does."""
    shown = run("get", "deploy,rs,pods,events", "-A")
    assert "deployment.apps/checkout" in shown
    assert "0/3" in shown
    assert "CrashLoopBackOff" in shown
    assert "Back-off restarting failed container app" in shown
    wide = run("get", "pods", "-n", "shop", "-o", "wide")
    assert "NOMINATED NODE" in wide
    assert "node-1" in wide


def test_top_shows_what_pods_and_nodes_take(run):
    """Numbers that kubectl reads are numbers in a metrics server's form."""
    pods = run("top", "pods", "-n", "shop", "--containers", "--sort-by=memory")
    assert pods.splitlines()[1].split()[0].startswith("catalog-")
    assert "checkout" not in pods
    assert "node-1" in run("top", "nodes")


@pytest.mark.parametrize(
    "kinds", ["svc,ep,endpointslices,cm,secret,sa,quota", "nodes,ns,sc,pv", "pvc,sts,ds,job,cj,hpa,pdb"]
)
def test_get_understands_short_names_and_every_kind(run, kinds):
    """Discovery and tables of what the shop has and of what it has not."""
    run("get", kinds, "-n", "shop")


def test_describe_tells_limits_last_state_and_events(run):
    """Where a person reads the cause."""
    shown = run("describe", "pods", "-n", "shop", "-l", "app=checkout")
    assert "OOMKilled" in shown
    assert "Exit Code:    137" in shown
    assert "memory:  128Mi" in shown
    shown = run("describe", "deployment", "checkout", "-n", "shop")
    assert "Scaled up replica set" in shown
    assert "MinimumReplicasUnavailable" in shown
    run("describe", "node", "node-1")
    run("describe", "svc", "checkout", "-n", "shop")


def test_logs_of_the_run_that_was_killed(run):
    """The previous run, through the deployment's name."""
    assert "price cache still loading" in run("logs", "deploy/checkout", "-n", "shop", "--previous")


def test_history_undo_status_and_scale(run):
    """The whole way back to health with kubectl alone."""
    assert "halve the memory limit of checkout" in run("rollout", "history", "deploy/checkout", "-n", "shop")
    run("rollout", "undo", "deploy/checkout", "-n", "shop")
    shown = run("rollout", "status", "deploy/checkout", "-n", "shop", "--timeout=150s")
    assert 'deployment "checkout" successfully rolled out' in shown
    run("scale", "deploy/checkout", "--replicas=5", "-n", "shop")
    run("rollout", "status", "deploy/checkout", "-n", "shop", "--timeout=150s")
    run("rollout", "restart", "deploy/checkout", "-n", "shop")
    run("rollout", "status", "deploy/checkout", "-n", "shop", "--timeout=150s")
    found = json.loads(run("get", "deploy", "checkout", "-n", "shop", "-o", "json"))
    assert found["status"]["readyReplicas"] == 5
    assert "kind: Deployment" in run("get", "deploy", "checkout", "-n", "shop", "-o", "yaml")


def test_server_side_apply_checks_fields_and_tells_conflicts(run, tmp_path, manifest):
    """With validation, as by default; the owner of the replicas is named after a scale by hand."""
    file = tmp_path / "web.json"
    file.write_text(json.dumps(manifest(replicas=1)))
    apply = ("apply", "--server-side", "-n", "shop", "-f", str(file))
    assert run(*apply) == "deployment.apps/web serverside-applied\n"
    run("rollout", "status", "deploy/web", "-n", "shop", "--timeout=150s")
    assert run("diff", "--server-side", "-n", "shop", "-f", str(file)) == ""
    run("scale", "deploy/web", "--replicas=2", "-n", "shop")
    assert 'conflict with "kubectl" with subresource "scale" using apps/v1: .spec.replicas' in run(*apply, expect=1)
    run(*apply, "--force-conflicts")
    file.write_text(json.dumps(manifest(replicas=1, container={"imagee": "x"})))
    assert ".imagee: field not declared in schema" in run(*apply, expect=1)
    run("delete", "deploy/web", "-n", "shop")


def test_custom_resources_are_defined_waited_for_explained_and_printed(run, tmp_path):
    """The way of every operator's installation."""
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {"group": "example.com", "scope": "Namespaced", "names": {"plural": "widgets", "kind": "Widget"}},
    }
    definition["spec"]["versions"] = [version]
    widget = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"size": 3}}
    for name, content in (("definition", definition), ("widget", widget), ("wrong", widget | {"spec": {"size": "x"}})):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    run("apply", "--server-side", "-f", str(tmp_path / "definition.json"))
    run("wait", "--for=condition=Established", "crd/widgets.example.com", "--timeout=150s")
    assert "widget.example.com/w created" in run("create", "-n", "shop", "-f", str(tmp_path / "widget.json"))
    assert "must be of type integer" in run("apply", "-n", "shop", "-f", str(tmp_path / "wrong.json"), expect=1)
    assert "size\t<integer>" in run("explain", "widget.spec")
    assert run("get", "widgets", "-n", "shop").split()[:3] == ["NAME", "AGE", "w"]
    run("delete", "crd", "widgets.example.com")
    assert "the server could not find the requested resource" in run("get", "--raw", "/apis/example.com/v1", expect=1)


def test_a_viewer_is_refused_in_words_that_kubectl_prints(run):
    """The second context of the kubeconfig."""
    arguments = ("scale", "deploy/cart", "--replicas=5", "-n", "shop")
    shown = run(*arguments, context="codenb-demo-viewer", expect=1)
    assert 'User "codenb-viewer" cannot patch resource "deployments/scale"' in shown


def test_version_and_api_resources(run):
    """What a person tries when in doubt."""
    assert "Server Version: v1.37" in run("version")
    assert "deployments" in run("api-resources")
