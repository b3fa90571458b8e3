"""Kubernetes manifests: each fault at its line, in words that help; what is right is left in peace."""

from __future__ import annotations

import pytest

from codenb.demo import WorldThread
from codenb.models import Severity
from codenb.servers._clients.held import shared
from codenb.servers.deployment.validation._deprecations import TABLE
from codenb.servers.deployment.validation._schemas import kinds_of
from codenb.servers.deployment.validation._versions import folders, number
from tests.validation.conftest import without_policies

GOOD = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
spec:
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      serviceAccountName: default
      containers:
      - name: web
        image: registry.example.com/web:1.2.3
        ports: [{name: http, containerPort: 8080}]
        env:
        - name: LEVEL
          valueFrom: {configMapKeyRef: {name: settings, key: level}}
        resources:
          requests: {cpu: 100m, memory: 64Mi}
          limits: {cpu: 200m, memory: 64Mi}
        volumeMounts: [{name: files, mountPath: /etc/web}]
      volumes:
      - name: files
        configMap: {name: settings, defaultMode: 0444}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: shop}
data: {level: info}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: http}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop}
spec:
  rules:
  - http:
      paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: shop}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 2
  maxReplicas: 5
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, namespace: shop}
spec:
  maxUnavailable: 1
  selector: {matchLabels: {app: web}}
"""

CRD = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: backups.example.com}
spec:
  group: example.com
  names: {kind: Backup, plural: backups}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [schedule]
            properties:
              schedule: {type: string, pattern: '^\\S+ \\S+$'}
              keep: {type: integer, minimum: 1}
              port: {x-kubernetes-int-or-string: true}
              free: {type: object, x-kubernetes-preserve-unknown-fields: true, properties: {a: {type: string}}}
"""


async def test_a_good_bundle_has_no_findings(check):
    """A validation that cries at what is right is turned off."""
    report = await check(GOOD)

    assert without_policies(report) == []
    assert report.status == "valid"
    assert {run.status for run in report.checkers} == {"ok"}
    assert report.kubernetes_version == list(folders())[-1]


@pytest.mark.parametrize(
    ("old", "new", "rule", "line", "words"),
    [
        ("containers:", "containerss:", "unknown-field", 14, "did you mean containers?"),
        ("image: registry", "Image: registry", "unknown-field", 16, "did you mean image?"),
        (
            "  selector:\n    matchLabels: {app: web}\n  template",
            "  template",
            "missing-field",
            6,
            "spec has no selector",
        ),
        ("requests: {cpu: 100m", "requests: {cpu: true", "wrong-type", 22, "is true, expected text or a number"),
        ("containerPort: 8080", 'containerPort: "8080"', "wrong-type", 17, "expected a whole number"),
        ("image: registry.example.com/web:1.2.3", "image: no", "wrong-type", 16, "the word no for false"),
        ("kind: Deployment", "kind: Deploymnt", "unknown-kind", 2, "did you mean Deployment?"),
        ("apps/v1\nkind: Dep", "apps/v2\nkind: Dep", "unknown-kind", 1, "did you mean apps/v1?"),
        ("apps/v1\nkind: Dep", "extensions/v1beta1\nkind: Dep", "removed-api", 1, "removed in Kubernetes 1.16"),
        ("name: web\n  namespace", "name: Web_1\n  namespace", "name", 4, "no DNS subdomain"),
        ("matchLabels: {app: web}\n  template", "matchLabels: {app: wb}\n  template", "selector", 8, "app=wb"),
        ("key: level", "key: levels", "missing-key", 20, "it has level"),
        ("name: settings, key", "name: setting, key", "missing-object", 20, "did you mean settings?"),
        ("name: files, mountPath", "name: file, mountPath", "missing-volume", 24, "no volume 'file'"),
        ("targetPort: http", "targetPort: web", "target-port", 39, "it has http"),
        ("targetPort: http", "targetPort: 8081", "undeclared-port", 39, "declared is 8080"),
        ("selector: {app: web}", "selector: {app: wbe}", "selects-nothing", 38, "app=web"),
        ("port: {number: 80}", "port: {number: 8080}", "service-port", 47, "it has 80"),
        ("pathType: Prefix", "pathType: prefix", "wrong-value", 47, "expected one of Exact"),
        ("limits: {cpu: 200m", "limits: {cpu: 50m", "request-over-limit", 22, "100m"),
        ("memory: 64Mi}\n        volume", "memory: 64MB}\n        volume", "quantity", 23, "did you mean 64M?"),
        (
            "requests: {cpu: 100m, memory: 64Mi",
            "requests: {cpu: 100m, memory: 64m",
            "small-quantity",
            22,
            "thousandths",
        ),
        ("defaultMode: 0444", "defaultMode: 644", "file-mode", 27, "0777"),
        ("cpu: 100m, ", "", "scale-without-request", None, ""),
        ("maxUnavailable: 1", "maxUnavailable: 0", "blocks-drain", 62, "drained"),
        ("name: web}\n  minReplicas", "name: wbe}\n  minReplicas", "missing-object", None, "wbe"),
        (
            "spec:\n  selector:\n    match",
            "spec:\n  replicas: 3\n  selector:\n    match",
            "fixed-replicas",
            7,
            "sets it back",
        ),
    ],
)
async def test_each_fault_is_found_where_it_is(check, old, new, rule, line, words):  # noqa: PLR0917  columns of a table
    """One known fault of each kind, each with rule and line, and nothing else that is high beside it."""
    assert old in GOOD
    broken = GOOD.replace(old, new, 1)
    if rule == "scale-without-request":
        broken = broken.replace("cpu: 200m, ", "", 1)

    findings = without_policies(await check(broken))

    found = [finding for finding in findings if finding.rule == f"kubernetes/{rule}"]
    assert found, findings
    assert words in found[0].message
    assert line is None or found[0].line == line
    assert found[0].line is not None
    assert found[0].source == broken.splitlines()[found[0].line - 1]


async def test_what_the_cluster_may_have_is_no_fault(check):
    """A Secret is mostly made elsewhere; a file that refers to one is not wrong for it."""
    (finding,) = without_policies(await check(GOOD.replace("configMapKeyRef", "secretKeyRef", 1)))

    assert (finding.rule, finding.severity) == ("kubernetes/missing-object", Severity.INFO)


async def test_a_custom_resource_without_a_schema_is_incomplete(check):
    """`valid` would be believed; a mistyped field of it shows only when it is applied."""
    report = await check("apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: a}\n")

    assert report.status == "incomplete"
    assert [finding.rule for finding in without_policies(report)] == ["kubernetes/unchecked"]
    assert any("Certificate" in run.problem for run in report.checkers if run.status == "failed")


@pytest.mark.parametrize(
    ("spec", "rule"),
    [
        ("{schedule: a b, keep: 2, port: 1, free: {z: 1}}", None),
        ("{schedule: a b, port: http, keep: null}", None),
        ("{keep: 2}", "kubernetes/missing-field"),
        ("{schedule: a b, kep: 2}", "kubernetes/unknown-field"),
        ("{schedule: ab}", "kubernetes/wrong-value"),
        ("{schedule: a b, keep: 0}", "kubernetes/wrong-value"),
        ("{schedule: a b, port: [1]}", "kubernetes/wrong-type"),
    ],
)
async def test_a_definition_beside_it_checks_a_custom_resource(check, spec, rule):
    """An operator's bundle carries its CRDs: they are as good as a cluster."""
    resource = f"apiVersion: example.com/v1\nkind: Backup\nmetadata: {{name: a}}\nspec: {spec}\n"
    report = await check(f"{CRD}---\n{resource}")

    assert [finding.rule for finding in without_policies(report)] == ([rule] if rule else [])
    assert report.status == ("invalid" if rule else "valid")


async def test_a_chosen_version_decides_what_is_removed(check):
    """An API that the next version drops is a warning today and an outage then."""
    text = "apiVersion: flowcontrol.apiserver.k8s.io/v1beta3\nkind: FlowSchema\nmetadata: {name: a}\n"

    before = {finding.rule for finding in without_policies(await check(text, kubernetes_version="1.31"))}
    after = {finding.rule for finding in without_policies(await check(text, kubernetes_version="1.32"))}

    assert "kubernetes/deprecated-api" in before
    assert "kubernetes/removed-api" in after


def test_the_table_of_removals_agrees_with_the_published_schemas():
    """The table was written by people; what Kubernetes published shows in which version a kind is gone."""
    versions = list(folders())
    for (api, kind), told in TABLE.items():
        group, _, version = api.rpartition("/")
        served = [one for one in versions if (group, version, kind) in kinds_of(one)]
        gone = next((one for one in versions if served and number(one) > number(served[-1])), "")
        if served:
            assert (api, kind, told.removed) == (api, kind, gone)
        else:
            assert number(told.removed) <= number(versions[0])


async def test_a_connected_cluster_is_asked(check):
    """With a cluster, what is neither in the files nor there is wrong for sure."""
    with WorldThread("oom", frozen=True) as world:
        async with shared(world.kubeconfig) as cluster:
            report = await check(GOOD.replace("configMapKeyRef", "secretKeyRef", 1), cluster=cluster)

    (finding,) = without_policies(report)
    assert (finding.rule, finding.severity) == ("kubernetes/missing-object", Severity.HIGH)
    assert "nor in the cluster" in finding.message
    assert any(cluster.context in run.version for run in report.checkers)


async def test_a_clusters_own_custom_kinds_are_checked(check):
    """A CRD that is installed is served as a schema: its resources need nothing beside them."""
    resource = "apiVersion: example.com/v1\nkind: Backup\nmetadata: {name: a}\nspec: {schedule: a b, kep: 2}\n"
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "backups.example.com"},
        "spec": {
            "group": "example.com",
            "names": {"kind": "Backup", "plural": "backups", "singular": "backup", "listKind": "BackupList"},
            "scope": "Namespaced",
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "properties": {
                                "spec": {
                                    "type": "object",
                                    "properties": {"schedule": {"type": "string"}, "keep": {"type": "integer"}},
                                }
                            },
                        }
                    },
                }
            ],
        },
    }
    with WorldThread("oom", frozen=True) as world:
        async with shared(world.kubeconfig) as cluster:
            path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
            await cluster.request("POST", path, body=definition, doing="define backups")
            report = await check(resource, cluster=cluster)

    (finding,) = without_policies(report)
    assert (finding.rule, finding.line) == ("kubernetes/unknown-field", 4)
    assert "did you mean keep?" in finding.message
