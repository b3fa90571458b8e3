"""Policies at their places, with our severities, and checkov kept from the process that it runs in."""

from __future__ import annotations

import importlib
import json
import logging
import subprocess
import sys

from hypothesis import given, settings
from hypothesis import strategies as st

from codenb.models import Severity
from codenb.servers._manifests import parse
from codenb.servers.security import _engine, policies
from codenb.servers.security._hcl_text import Unreadable, plain
from codenb.servers.security._table import UNRANKED, table

CAREFUL = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      automountServiceAccountToken: false
      securityContext: {runAsNonRoot: true, runAsUser: 10001, seccompProfile: {type: RuntimeDefault}}
      containers:
        - name: web
          image: registry.example/web:1.4.2
          readinessProbe: {httpGet: {path: /healthz, port: 8080}}
          livenessProbe: {httpGet: {path: /healthz, port: 8080}}
          resources:
            requests: {cpu: 100m, memory: 128Mi}
            limits: {memory: 256Mi}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: {drop: [ALL]}
"""
CARELESS = """\
# two containers
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      hostPID: true
      containers:
        - name: web
          image: nginx:1.27
          securityContext:
            privileged: true
        - name: side
          image: busybox:1.37
          securityContext:
            privileged: true
"""


def _lines(scan: policies.Scan, rule: str) -> list[tuple[int | None, int | None]]:
    return [(one.line, one.column) for one in scan.findings if one.rule == rule]


def test_every_container_that_breaks_a_policy_is_found_at_its_value():
    """Checkov stops at the first container of an object; a second privileged one went unseen."""
    scan = policies.scan_manifests(parse(CARELESS, "web.yaml").documents)

    assert _lines(scan, "CKV_K8S_16") == [(15, 13), (19, 13)]
    assert _lines(scan, "CKV_K8S_17") == [(10, 7)]
    assert scan.problems == []
    found = next(one for one in scan.findings if one.rule == "CKV_K8S_16")
    assert (found.severity, found.object, found.file) == (Severity.CRITICAL, "Deployment shop/web", "web.yaml")
    assert found.source.strip() == "privileged: true"
    assert found.remedy
    assert found.link


def test_a_careful_deployment_has_nothing_that_is_worse_than_low():
    """Severities that stop careful work are switched off as a whole."""
    scan = policies.scan_manifests(parse(CAREFUL).documents)

    assert {one.severity for one in scan.findings} == {Severity.LOW}
    assert scan.problems == []


def test_a_scan_leaves_the_document_as_it_was_and_heeds_its_annotations():
    """Checkov's own way of skipping a check is known to its users, and its checks may write into what they look at."""
    text = CARELESS.replace(
        "namespace: shop}", "namespace: shop, annotations: {checkov.io/skip1: CKV_K8S_16=tried}}", 1
    )
    document = parse(text).documents[0]
    before = json.dumps(document.data)

    scan = policies.scan_manifests([document])

    assert json.dumps(document.data) == before
    assert _lines(scan, "CKV_K8S_16") == []
    assert _lines(scan, "CKV_K8S_17")


def test_the_control_planes_checks_run_where_its_programs_do():
    """Leaving them out for all other containers is what makes a scan quick."""
    text = CARELESS.replace(
        "image: nginx:1.27", "image: kube:1\n          command: [kube-apiserver, --anonymous-auth=true]"
    )

    assert policies.scan_manifests(parse(text).documents).findings
    assert "CKV_K8S_68" in {one.rule for one in policies.scan_manifests(parse(text).documents).findings}
    assert "CKV_K8S_68" not in {one.rule for one in policies.scan_manifests(parse(CARELESS).documents).findings}


@settings(max_examples=25)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["spec", "template", "containers", "securityContext", "metadata"]), inner)
        ),
        max_leaves=12,
    )
)
def test_no_object_is_too_odd_to_be_looked_at(spec):
    """What a check cannot judge is said; it is no crash, and no silence."""
    document = parse(json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": spec})).documents

    scan = policies.scan_manifests(document)

    assert all("could not judge" in problem for problem in scan.problems)


def test_every_ranked_policy_is_one_of_checkovs():
    """A typing error in the table would leave a check at the default."""
    for framework in ("kubernetes", "docker", "terraform"):
        ids = {check.id for registry in _engine.registries(framework).values() for _, check in registry.all_checks()}
        ids |= {check.id for check in _engine.graph_checks(framework)}
        known = table(framework)
        ranked = {*known.policies, *known.off} - (
            set(table("kubernetes").policies) if framework == "terraform" else set()
        )
        assert ranked <= ids
        assert all(policy.why and policy.remedy for policy in known.policies.values())
    assert table("kubernetes").of("CKV_OWN_1") is UNRANKED
    assert UNRANKED.severity is Severity.MEDIUM


def test_a_notebooks_logging_and_output_stay_its_own():
    """Importing checkov gave the root logger a handler, wrapped the standard streams and started git."""
    story = """
import logging, sys, warnings, numpy  # which sets filters of its own wherever it is imported
def watch(event, arguments):
    if event in {"subprocess.Popen", "os.system", "socket.connect", "socket.getaddrinfo"}:
        seen.append(event)
seen = []
sys.addaudithook(watch)
before = sys.stdout, sys.stderr, list(logging.getLogger().handlers), list(warnings.filters)
from codenb.servers.security import policies
assert "checkov" not in sys.modules
policies.scan_terraform({"main.tf": 'resource "aws_s3_bucket" "b" {}\\n'})
policies.scan_dockerfile("FROM a:1\\n")
assert seen == [], seen
assert before == (sys.stdout, sys.stderr, list(logging.getLogger().handlers), list(warnings.filters))
assert logging.getLogger().filters == []
"""
    ran = subprocess.run([sys.executable, "-c", story], capture_output=True, text=True, check=False)

    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


TERRAFORM = """\
variable "acl" {
  default = "public-read"
}
resource "aws_s3_bucket" "logs" {
  bucket = "logs"
}
resource "aws_s3_bucket_acl" "logs" {
  bucket = aws_s3_bucket.logs.id
  acl    = var.acl
}
resource "aws_security_group" "web" {
  ingress {
    from_port   = 443
    to_port     = 443
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }
  ingress {
    from_port   = 22
    to_port     = 22
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }
}
module "db" {
  source = "./db"
  public = true
}
"""
DATABASE = """\
variable "public" {
  default = false
}
resource "aws_db_instance" "this" {
  # checkov:skip=CKV_AWS_16:a test
  publicly_accessible = var.public
}
"""


def test_terraform_is_judged_with_its_values_at_its_arguments():
    """A default, a second block of one name and a module's argument each decide; a comment switches a check off."""
    scan = policies.scan_terraform({"main.tf": TERRAFORM, "db/main.tf": DATABASE})

    assert scan.problems == []
    assert _lines(scan, "CKV_AWS_24") == [(19, 5)]
    assert [(one.file, one.line) for one in scan.findings if one.rule == "CKV_AWS_17"] == [("db/main.tf", 6)]
    assert [one.object for one in scan.findings if one.rule == "CKV_AWS_20"] == ["aws_s3_bucket.logs"]
    assert _lines(scan, "CKV_AWS_16") == []
    private = policies.scan_terraform({"main.tf": DATABASE})
    assert _lines(private, "CKV_AWS_17") == []


def test_a_variables_file_decides_over_a_default():
    """What is deployed is what terraform.tfvars says."""
    scan = policies.scan_terraform({"main.tf": DATABASE, "terraform.tfvars": "public = true\n"})

    assert _lines(scan, "CKV_AWS_17") == [(6, 3)]


def test_modules_that_call_each_other_are_looked_at_once():
    """A circle has no beginning, and was not looked at at all."""
    scan = policies.scan_terraform(
        {
            "a/main.tf": 'module "b" { source = "../b" }\n',
            "b/main.tf": 'module "a" { source = "../a" }\nresource "aws_db_instance" "d" {\n'
            "  publicly_accessible = true\n}\n",
        }
    )

    assert _lines(scan, "CKV_AWS_17") == [(3, 3)]


def test_expressions_are_not_evaluated(monkeypatch):
    """checkov interprets expressions, such as a count of pow(9, 9); what strangers wrote is not run here."""  # noqa: D403
    interpreter = importlib.import_module("asteval").Interpreter

    def caught(*_: object, **__: object) -> None:
        raise AssertionError("an expression was evaluated")

    monkeypatch.setattr(interpreter, "__call__", caught)
    monkeypatch.setattr(interpreter, "eval", caught)
    text = TERRAFORM.replace(
        'resource "aws_security_group" "web" {', 'resource "aws_security_group" "web" {\n  count = pow(9, 9)'
    )

    scan = policies.scan_terraform({"main.tf": text, "db/main.tf": DATABASE.replace("false", '"${1 + 1}"')})

    assert _lines(scan, "CKV_AWS_24") == [(20, 5)]
    assert scan.problems == []


def test_a_file_that_cannot_be_read_is_named_with_its_line():
    """Its policies were not checked, so the report must not be valid."""
    scan = policies.scan_terraform({"a.tf": 'resource "a" "b" {\n  x = \n}\n', "terraform.tfvars": "x = [\n"})

    assert any(problem.startswith("a.tf:2:") for problem in scan.problems)
    assert any(problem.startswith("terraform.tfvars:1:") for problem in scan.problems)


def test_text_that_would_keep_the_grammar_busy_for_hours_is_refused_at_once():
    """One unclosed interpolation in a text of thirty letters backtracked for longer than anybody waited."""
    for text in (
        'x = "' + "a" * 5000 + '${{"\n',
        'x = "' + "${a" * 5000 + '"\n',
        "x = <<EOT\n" + "\n" * 50_000 + "EOX\n",
    ):
        scan = policies.scan_terraform({"a.tf": text})
        assert scan.problems
    policies.scan_terraform({"a.tf": "locals {\n  x = <<EOT\n" + "\n" * 20_000 + "EOT\n}\n"})


@given(st.text(alphabet='ab"${}%\\\n#/*<E=[](', max_size=60))
def test_plain_text_has_every_line_where_it_was(text):
    """Findings are placed by what the grammar read of it."""
    try:
        made = plain(text)
    except Unreadable:
        return
    assert [len(line) for line in made.split("\n") if "#" not in line] == [
        len(line) for line, new in zip(text.split("\n"), made.split("\n"), strict=True) if "#" not in new
    ]


DOCKERFILE = """\
\ufeff# syntax=docker/dockerfile:1\r
FROM python:3.13-slim AS build\r
RUN <<EOF\r
set -e\r
EOF\r
RUN curl --insecure https://example.org/a.sh \\\r
  # for now\r
  -o a.sh\r
FROM build\r
EXPOSE 22\r
USER root\r
"""


def test_a_dockerfiles_policies_are_at_their_instructions():
    """Checkov's reader joined a heredoc into one line and lost count."""
    scan = policies.scan_dockerfile(DOCKERFILE, "Dockerfile")

    assert scan.problems == []
    assert {(one.rule, one.line) for one in scan.findings if one.severity >= Severity.MEDIUM} == {
        ("CKV2_DOCKER_2", 6),
        ("CKV_DOCKER_1", 10),
        ("CKV_DOCKER_8", 11),
    }


@given(st.text(alphabet="FROMUNaC <E\\\n#`-\r\ufeff", max_size=80))
def test_no_dockerfile_is_too_odd_to_be_looked_at(text):
    """Half a file is looked at while it is written."""
    for one in policies.scan_dockerfile(text).findings:
        assert one.line
        assert one.line <= text.count("\n") + 1


def test_scans_leave_the_root_logger_alone():
    """A handler added for the time of a scan must be gone after it."""
    handlers = list(logging.getLogger().handlers)

    policies.scan_dockerfile("FROM a:1\n")

    assert logging.getLogger().handlers == handlers
    assert logging.getLogger().filters == []
