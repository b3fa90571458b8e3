"""Reports as validations give them: a small one of every kind of finding, large ones, and ones that hold anything."""

from __future__ import annotations

from hypothesis import strategies as st

from codenb.models import CheckerRun, Severity, ValidationFinding, ValidationReport
from tests.views.anything import texts

SCHEMA = ValidationFinding(
    rule="kubernetes/schema",
    checker="kubernetes schema",
    severity=Severity.HIGH,
    message="replicas is text, and must be a whole number",
    file="shop/checkout.yaml",
    line=8,
    column=13,
    object="Deployment shop/checkout",
    remedy="write it without quotation marks: 3",
    source='  replicas: "3"',
)
POLICY = ValidationFinding(
    rule="CKV_K8S_16",
    checker="checkov",
    severity=Severity.CRITICAL,
    message="Container should not be privileged",
    file="shop/checkout.yaml",
    line=21,
    column=11,
    end_line=22,
    object="Deployment shop/checkout",
    remedy="remove securityContext.privileged, or set it to false",
    link="https://docs.example.com/policies/privileged?id=16",
    source="          privileged: true",
)
TAG = ValidationFinding(
    rule="DL3007",
    checker="hadolint",
    severity=Severity.MEDIUM,
    message="The tag latest may be another image tomorrow",
    file="images/Dockerfile",
    line=1,
    column=1,
    remedy="name a version",
    source="FROM python:latest",
)
STYLE = ValidationFinding(
    rule="terraform/fmt",
    checker="terraform fmt",
    severity=Severity.INFO,
    message="is not formatted as terraform fmt would",
    file="main.tf",
    remedy="run terraform fmt",
    style=True,
)
REPORT = ValidationReport(
    status="invalid",
    types=("kubernetes", "docker", "terraform"),
    findings=(POLICY, SCHEMA, TAG, STYLE),
    checkers=(
        CheckerRun(name="kubernetes schema", version="1.37.0", duration_ms=12.5),
        CheckerRun(name="checkov", version="3.3.1", duration_ms=80, cached=True),
        CheckerRun(name="hadolint", version="2.14.0", duration_ms=30),
        CheckerRun(name="terraform fmt", version="1.15.5", duration_ms=20),
        CheckerRun(name="terraform validate", status="failed", problem="the provider aws is missing: run init"),
        CheckerRun(name="live schema", status="skipped", problem="no cluster is connected"),
    ),
    files=("images/Dockerfile", "main.tf", "shop/checkout.yaml", "shop/service.yaml"),
    kubernetes_version="1.37",
    notes=("1 file was left out: it is binary",),
)
VALID = REPORT.model_copy(
    update={"status": "valid", "findings": (), "checkers": REPORT.checkers[:2], "files": ("a.yaml",), "notes": ()}
)
INCOMPLETE = REPORT.model_copy(update={"status": "incomplete", "findings": (TAG, STYLE)})


def many(number: int) -> ValidationReport:
    """A report with so many findings, over as many files as an operator's chart has."""
    severities = sorted((Severity(1 + at % 5) for at in range(number)), reverse=True)
    findings = tuple(
        SCHEMA.model_copy(
            update={
                "severity": severity,
                "rule": f"rule-{at % 40}",
                "file": f"charts/part-{at % 70:02}.yaml",
                "line": 1 + at,
                "message": f"finding number {at} is wrong",
            }
        )
        for at, severity in enumerate(severities)
    )
    files = tuple(sorted({finding.file for finding in findings}))
    return REPORT.model_copy(update={"findings": findings, "files": files, "checkers": (), "notes": ()})


_numbers = st.none() | st.integers(-2, 100_000)
_names = texts | st.sampled_from(["checkov", "hadolint", "a,b:c%0A::error"])
findings = st.builds(
    ValidationFinding,
    rule=_names,
    checker=_names,
    severity=st.sampled_from(Severity),
    message=texts,
    file=_names,
    line=_numbers,
    column=_numbers,
    end_line=_numbers,
    object=texts,
    remedy=texts,
    link=texts | st.sampled_from(["https://docs.example.com/a?b=c&d", "javascript:alert(1)", "https://a b"]),
    source=texts,
    style=st.booleans(),
)
checkers = st.builds(
    CheckerRun,
    name=_names,
    version=texts | st.just("1.2.3"),
    status=st.sampled_from(["ok", "failed", "skipped"]),
    duration_ms=st.floats(0, 1e6),
    problem=texts,
    cached=st.booleans(),
)
anything = st.builds(
    ValidationReport,
    status=st.sampled_from(["valid", "invalid", "incomplete"]),
    types=st.just(("kubernetes",)),
    findings=st.lists(findings, max_size=4).map(tuple),
    checkers=st.lists(checkers, max_size=3).map(tuple),
    files=st.lists(texts, max_size=3).map(tuple),
    fail_on=st.sampled_from(Severity),
    strict=st.booleans(),
    notes=st.lists(texts, max_size=2).map(tuple),
)
"""Reports whose every text holds what a hostile manifest, file name or checker could put there."""
