"""The runner: which type, who ran, what is kept, and that `valid` is never said lightly."""

from __future__ import annotations

import json
import os
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codenb.errors import BadInput
from codenb.models import Severity
from codenb.servers._base._paths import Roots
from codenb.servers.deployment.validation import _kubernetes, validate
from tests.validation.conftest import without_policies

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: NAME}\nspec: {containers: [{name: a, image: a:1}]}\n"


class Faulty:
    """A checker that does what none should."""

    name = "faulty"
    keeps = False

    async def run(self, job):
        """Fail as no checker may."""
        raise ZeroDivisionError(f"at {job.type}")


async def test_a_checker_with_a_fault_makes_the_report_incomplete(check, monkeypatch):
    """One checker's bug must neither hide what the others found nor pass for a clean bill."""
    monkeypatch.setattr(_kubernetes, "CHECKERS", (*_kubernetes.CHECKERS, Faulty()))

    report = await check(POD.replace("NAME", "faulty"))

    assert report.status == "incomplete"
    assert [run.name for run in report.checkers if run.status == "failed"] == ["faulty"]
    assert {"kubernetes schema", "kubernetes names"} <= {run.name for run in report.checkers if run.status == "ok"}


@pytest.mark.parametrize(
    ("module", "checker"),
    [("jsonschema_rs", "kubernetes schema"), ("kubernetes_validate", "kubernetes schema")],
)
async def test_a_missing_part_is_incomplete_and_named(check, monkeypatch, module, checker):
    """Without the extra nothing was checked against a schema: saying valid would be a lie."""
    from codenb.servers.deployment.validation import _schemas, _versions  # noqa: PLC0415

    for kept in (_versions.folders, _schemas.of_version, _schemas._custom):
        kept.cache_clear()
    monkeypatch.setitem(sys.modules, module, None)

    report = await check(POD.replace("NAME", f"without-{module.replace('_', '-')}"))

    for kept in (_versions.folders, _schemas.of_version, _schemas._custom):
        kept.cache_clear()
    assert report.status == "incomplete"
    (failed,) = [run for run in report.checkers if run.status == "failed"]
    assert failed.name == checker
    assert "codenb[deploy]" in failed.problem


async def test_what_could_not_be_read_is_incomplete(check, tmp_path):
    """A chart beside good manifests was not looked at; the report must say so and not end in valid."""
    (tmp_path / "pod.yaml").write_text(POD.replace("NAME", "a"))
    (tmp_path / "chart" / "templates").mkdir(parents=True)
    (tmp_path / "chart" / "Chart.yaml").write_text("name: x\n")

    report = await check(".")

    assert report.status == "incomplete"
    assert any("Helm chart" in run.problem for run in report.checkers)


async def test_equal_content_is_answered_from_before(check):
    """Validate, look, validate again: the second time costs nothing, and says that it is from before."""
    first = await check(POD.replace("NAME", "kept"))
    second = await check(POD.replace("NAME", "kept"))

    assert second.findings == first.findings
    assert all(run.cached for run in second.checkers)
    assert not any(run.cached for run in first.checkers)


async def test_another_version_is_not_answered_from_before(check):
    """The same text may be good for one Kubernetes version and not for another."""
    text = "apiVersion: autoscaling/v2beta2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\n"

    old = await check(text, kubernetes_version="1.25")
    new = await check(text, kubernetes_version="1.26")

    assert "kubernetes/removed-api" not in {finding.rule for finding in old.findings}
    assert "kubernetes/removed-api" in {finding.rule for finding in new.findings}


async def test_style_counts_only_where_it_is_strict(check):
    """`strict=False` demotes matters of style and nothing else."""
    text = (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  replicas: 2\n"
        "  selector: {matchLabels: {a: b}}\n  template:\n    metadata: {labels: {a: b}}\n"
        "    spec: {containers: [{name: a, image: a}]}\n---\n"
        "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\n"
        "spec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}}\n"
    )

    (strict,) = without_policies(await check(text))
    (loose,) = without_policies(await check(text, strict=False))

    assert (strict.severity, loose.severity) == (Severity.LOW, Severity.INFO)


async def test_the_threshold_decides_what_is_invalid(check):
    """What fails a pipeline is the team's choice."""
    text = POD.replace("NAME", "Upper")

    assert (await check(text)).status == "invalid"
    assert (await check(text, fail_on=Severity.CRITICAL)).status == "valid"


async def test_types_are_told_by_names_and_contents(check, tmp_path):
    """A repository holds all three; nobody should have to say which file is which."""
    (tmp_path / "pod.yaml").write_text(POD.replace("NAME", "a"))
    (tmp_path / "package.json").write_text('{"name": "x"}')
    (tmp_path / "main.tf").write_text('output "a" { value = 1 }\n')
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")

    only = await check(".", type="kubernetes")

    assert only.types == ("kubernetes",)
    assert only.files == ("pod.yaml",)
    assert any("package.json" in note for note in only.notes)


@pytest.mark.parametrize(
    ("items", "words"),
    [
        ((), "nothing to validate"),
        (("missing.yaml",), "does not exist"),
        (("notes.txt",), "cannot tell what notes.txt is"),
        (("empty",), "looked for"),
    ],
)
async def test_what_cannot_be_validated_is_said_in_one_line(check, tmp_path, items, words):
    """A mistyped path must not end in an empty report that looks good."""
    (tmp_path / "notes.txt").write_text("hello\n")
    (tmp_path / "empty").mkdir()

    with pytest.raises(BadInput, match=words):
        await check(*items)


async def test_an_unknown_version_names_those_that_are_known(check):
    """`--kubernetes-version 1.99` must not fall back to another one silently."""
    with pytest.raises(BadInput, match=r"choose from 1\.25"):
        await check(POD, kubernetes_version="1.99")


async def test_secrets_do_not_reach_a_report(check):
    """Reports are uploaded and mailed; a line that is quoted must not carry what it holds."""
    text = (
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata:\n  key: 'not base64 hunter2'\n---\n"
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: a\n    image: a\n"
        "    env: [{name: DB_PASSWORD, value: hunter2hunter2, extra: 1}]\n"
    )

    report = await check(text)

    assert {finding.rule for finding in without_policies(report)} >= {"kubernetes/base64", "kubernetes/unknown-field"}
    assert "hunter2" not in report.model_dump_json()


_FIELDS = [
    "apiVersion",
    "kind",
    "metadata",
    "name",
    "namespace",
    "labels",
    "spec",
    "selector",
    "matchLabels",
    "template",
]
_FIELDS += ["containers", "initContainers", "ports", "env", "envFrom", "volumes", "configMap", "items", "rules", "data"]
_FIELDS += [
    "resources",
    "limits",
    "requests",
    "metrics",
    "scaleTargetRef",
    "http",
    "paths",
    "backend",
    "schedule",
    "key",
]
_VALUES = st.none() | st.booleans() | st.integers() | st.sampled_from(["a", "", "v1", "100m", "-", "x" * 300, "\u00e9"])
_ANY = st.recursive(
    _VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_FIELDS), inner, max_size=6),
    max_leaves=25,
)
_KINDS = [
    "Deployment",
    "Service",
    "Ingress",
    "CronJob",
    "HorizontalPodAutoscaler",
    "PodDisruptionBudget",
    "StatefulSet",
]
_KINDS += ["Secret", "RoleBinding", "CustomResourceDefinition", "Pod", "PersistentVolumeClaim", "ResourceQuota"]
_APIS = ["v1", "apps/v1", "batch/v1", "networking.k8s.io/v1", "autoscaling/v2", "apiextensions.k8s.io/v1", "x/y/z", "/"]


@given(st.sampled_from(_APIS), st.sampled_from(_KINDS), st.dictionaries(st.sampled_from(_FIELDS), _ANY, max_size=6))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_objects_of_any_shape_are_answered(tmp_path, api, kind, rest):
    """Every checker meets lists where it expects mappings; none of them may fall over."""
    text = json.dumps(rest | {"apiVersion": api, "kind": kind}, indent=1)

    report = await validate([text], Roots((tmp_path,)), type="kubernetes")

    faults = [run.problem for run in report.checkers if "fault" in run.problem and run.name != "checkov"]
    assert faults == []


async def test_named_pipes_are_never_waited_for(check, tmp_path):
    """One without a suffix, and one beside a module, which the copy for `terraform validate` linked to, hung a run."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "module").mkdir()
    (tmp_path / "module" / "main.tf").write_text('output "a" {\n  value = 1\n}\n')
    for name in ("other.tf", "more.tf.json", "notes.txt"):
        os.mkfifo(tmp_path / "module" / name)
    (tmp_path / "caller").mkdir()
    (tmp_path / "caller" / "main.tf").write_text('module "a" {\n  source = "../module"\n}\n')

    with pytest.raises(BadInput, match="a device or a pipe"):
        await check(str(tmp_path / "pipe"))
    for folder in ("module", "caller"):
        report = await check(str(tmp_path / folder), type="terraform")
        assert report.types == ("terraform",)
        assert not [run for run in report.checkers if "has a fault" in run.problem]
