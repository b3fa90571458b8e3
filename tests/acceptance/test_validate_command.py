"""`codenb validate` as a process of its own: a folder with one known fault of each kind, a good one, and odd ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from tests.conftest import part

WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  selector:
    matchLabels: {app: web}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: app
          image: registry.example/web:1.2.3
          ports: [{containerPort: 8080}]
          resources: {requests: {cpu: 100m, memory: 64Mi}}
          env:
            - {name: LEVEL, valueFrom: {configMapKeyRef: {name: web, key: LEVEL}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: web, namespace: shop}
data: {LEVEL: info}
"""
SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
"""
AUTOSCALER = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: shop}
spec:
  maxReplicas: 4
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
"""
INGRESS = """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop}
spec:
  defaultBackend:
    service: {name: web, port: {number: 80}}
"""
MODULE = """\
variable "size" {
  type    = string
  default = "small"
}

resource "terraform_data" "web" {
  input = var.size
}

output "size" {
  value     = var.size
  sensitive = true
}
"""
IMAGE = """\
FROM debian:12.5
COPY app /app
USER 10001
CMD ["/app"]
"""
GOOD = {
    "web.yaml": WEB,
    "hpa.yaml": AUTOSCALER,
    "ingress.yaml": INGRESS,
    "service.yaml": SERVICE,
    "infra/main.tf": MODULE,
    "image/Dockerfile": IMAGE,
}

# A folder each, so that no fault answers for another: the files, then the file, line and rule that must be named.
Fault = tuple[dict[str, str], tuple[str, int, str]]


def _web(old: str, new: str) -> dict[str, str]:
    assert old in WEB
    return {"web.yaml": WEB.replace(old, new, 1)}


FAULTS: dict[str, Fault] = {
    "syntax": (_web("kind: Deployment", "kind: [Deployment"), ("web.yaml", 3, "yaml/syntax")),
    "duplicate": (_web("  replicas: 2\n", "  replicas: 2\n  replicas: 3\n"), ("web.yaml", 6, "yaml/duplicate-key")),
    "type": (_web("replicas: 2", 'replicas: "two"'), ("web.yaml", 5, "kubernetes/wrong-type")),
    "unknown": (_web("replicas: 2", "replicaz: 2"), ("web.yaml", 5, "kubernetes/unknown-field")),
    "removed": (_web("apps/v1", "apps/v1beta1"), ("web.yaml", 1, "kubernetes/removed-api")),
    "selector": (_web("{app: web}", "{app: wbe}"), ("web.yaml", 7, "kubernetes/selector")),
    "key": (_web("key: LEVEL", "key: LEVL"), ("web.yaml", 17, "kubernetes/missing-key")),
    "quantity": (_web("100m", "100mm"), ("web.yaml", 15, "kubernetes/quantity")),
    "name": (_web("name: web, ", "name: My_Web, "), ("web.yaml", 3, "kubernetes/name")),
    "privileged": (
        _web("          env:", "          securityContext:\n            privileged: true\n          env:"),
        ("web.yaml", 17, "CKV_K8S_16"),
    ),
    "port": (
        {"web.yaml": WEB, "service.yaml": SERVICE.replace("8080", "9090")},
        ("service.yaml", 6, "kubernetes/undeclared-port"),
    ),
    "autoscaler": (
        {"web.yaml": WEB, "hpa.yaml": AUTOSCALER.replace("name: web}\n", "name: checkout}\n")},
        ("hpa.yaml", 6, "kubernetes/missing-object"),
    ),
    "ingress": (
        {
            "web.yaml": WEB,
            "service.yaml": SERVICE,
            "ingress.yaml": INGRESS.replace("{name: web, port", "{name: wep, port"),
        },
        ("ingress.yaml", 6, "kubernetes/missing-object"),
    ),
    "tag": ({"Dockerfile": IMAGE.replace("12.5", "latest")}, ("Dockerfile", 1, "DL3007")),
    "image-syntax": ({"Dockerfile": IMAGE.replace("COPY", "COPPY")}, ("Dockerfile", 2, "DL1000")),
    "root": ({"Dockerfile": IMAGE.replace("10001", "root")}, ("Dockerfile", 3, "CKV_DOCKER_8")),
    "tf-syntax": (
        {"main.tf": MODULE.replace("= var.size\n}\n\nout", "=\n}\n\nout")},
        ("main.tf", 7, "terraform/syntax"),
    ),
    "tf-name": ({"main.tf": MODULE.replace("= var.size", "= var.sise", 1)}, ("main.tf", 7, "terraform/validate")),
    "tf-fmt": ({"main.tf": MODULE.replace("  input", "    input")}, ("main.tf", 7, "terraform/fmt")),
    "tf-secret": (
        {"main.tf": MODULE.replace('"size"', '"password"').replace(".size", ".password").replace("small", "hunter22x")},
        ("main.tf", 3, "secrets/named"),
    ),
    "tf-open": (
        {
            "main.tf": 'resource "aws_security_group" "web" {\n  ingress {\n    from_port   = 22\n'
            '    to_port     = 22\n    protocol    = "tcp"\n    cidr_blocks = ["0.0.0.0/0"]\n  }\n}\n'
        },
        ("main.tf", 3, "CKV_AWS_24"),
    ),
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A working directory with nothing of codenb in it."""
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


def _write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def _validate(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(part('bin', 'terraform')).parent}{os.pathsep}{os.environ['PATH']}"
    words = (sys.executable, "-m", "codenb", "validate", *words)
    environment = os.environ | {"PATH": path}
    return subprocess.run(words, check=False, cwd=folder, env=environment, capture_output=True, text=True)


def test_one_known_fault_of_each_kind_is_named_at_its_file_and_line(project: Path) -> None:
    """All in one run, as a repository has them: a fault in one file must not keep another's from being found.

    The log has to pass the schema of SARIF: code hosts refuse one that does not, and then nobody sees the findings.
    """
    for name, (files, _) in FAULTS.items():
        _write(project / "bad" / name, files)
    schema = json.loads(Path(part("sarif", "sarif-schema-2.1.0.json")).read_text("utf-8"))
    for owner in ("run", "toolComponent"):  # as published this is no regular expression
        del schema["definitions"][owner]["properties"]["language"]["pattern"]

    ran = _validate(project, "bad", "--format", "sarif")

    log = json.loads(ran.stdout)
    jsonschema_rs.validate(schema, log)
    expected = {(f"bad/{name}/{file}", line, rule) for name, (_, (file, line, rule)) in FAULTS.items()}
    assert expected - _places(log) == set()
    assert (ran.returncode, ran.stderr) == (1, "")
    assert "hunter22x" not in ran.stdout


def _places(log: dict[str, Any]) -> set[tuple[str, int, str]]:
    results = [one for run in log["runs"] for one in run["results"]]
    return {(*_place(one["locations"][0]["physicalLocation"]), one["ruleId"]) for one in results}


def _place(location: dict[str, Any]) -> tuple[str, int]:
    return location["artifactLocation"]["uri"], location["region"]["startLine"]


def test_a_good_folder_of_every_type_passes_with_default_options(project: Path) -> None:
    """What is sound must pass as it is: `secrets` once took the variable before a sensitive output for one."""
    _write(project / "good", GOOD)

    ran = _validate(project, "good")

    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout
    assert ran.stdout.splitlines()[-1].startswith("✓ Valid")


def test_odd_files_beside_good_ones_are_named_and_end_nothing(project: Path) -> None:
    """A pipe without a writer hung readers, a circle of links ended walks, and bytes that are no text broke prints."""
    _write(project / "odd", GOOD | {"empty.yaml": "", "tab.yaml": "a:\n\tb: 1\n", "twice/web.yaml": "# nothing\n"})
    os.mkfifo(project / "odd" / "pipe.yaml")
    (project / "odd" / "noise.yaml").write_bytes(bytes(range(256)))
    (project / "odd" / "loop.yaml").symlink_to("loop.yaml")
    (project / "odd" / "infra" / "up").symlink_to("..")
    (project / "odd" / "out.yaml").symlink_to("/etc/hostname")

    ran = _validate(project, "odd", "--format", "json")

    report = json.loads(ran.stdout)
    named = {one["file"] for one in report["findings"] if one["rule"].partition("/")[0] in {"read", "yaml"}}
    assert named == {f"odd/{name}.yaml" for name in ("tab", "pipe", "noise", "loop", "out")}
    assert {one["name"]: one["problem"] for one in report["checkers"] if "fault" in one["problem"]} == {}
    assert (ran.returncode, ran.stderr) == (1, "")
