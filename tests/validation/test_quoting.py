"""What a finding quotes: the line that is wrong, and never the secret in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codenb.servers._base._paths import Roots
from codenb.servers._manifests import parse
from codenb.servers.deployment.validation import validate
from tests.validation.conftest import Checked

PASSWORD = "hunter2hunter2"
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec:
  containers:
  - name: web
    image: registry.example/web:1.2.3
    env:
"""


@pytest.mark.parametrize(
    "entry",
    [
        f"    - {{name: DB_PASSWORD, valu: {PASSWORD}}}",
        f"    - name: DB_PASSWORD\n      valu: {PASSWORD}",
        f"    - valeu: {PASSWORD}\n      name: DB_PASSWORD",
        f"    - name: DB_PASSWORD\n      valeu: |\n        first\n        {PASSWORD}",
        f"    - name: DB_PASSWORD\n      value: [{PASSWORD}]",
        f"    - name: DB_PASSWORD\n      vlaue:\n        deep: {PASSWORD}",
        f"    - name: DB_PASSWORD\n      valueFrom: {PASSWORD}",
        f"    - DB_PASSWORD: {PASSWORD}",
        f"    - name: DB_PASSWORD\n      value: *{PASSWORD}",
        f"    - name: DB_PASSWORD\n      value: !{PASSWORD} x",
        f"    - name: DB_PASSWORD\n      value: !!int {PASSWORD}",
        f"    - name: DB_PASSWORD\n      value: %{PASSWORD}",
        f"    - {{name: DB_PASSWORD, valu: @{PASSWORD}}}",
        f'    - name: DB_PASSWORD\n      value: "{PASSWORD}',
    ],
)
async def test_a_password_under_a_field_that_is_written_wrong_is_not_quoted(check: Checked, entry: str) -> None:
    """A misspelt `value` made the finding show the password in the source line, and so in SARIF and JUnit.

    The redactor knows `value` beside `name`, and no line by itself says what `valu` holds. A password without quotes
    that begins with a sign of YAML's was in the message besides.
    """
    report = await check(f"{POD}{entry}\n")

    assert report.findings, "the line is wrong, and that is said"
    for written in (json.dumps(report.to_dict()), report.to_text(), report.to_junit(), report.to_github()):
        assert PASSWORD not in written
    assert PASSWORD not in json.dumps(report.to_sarif())


@pytest.mark.parametrize(
    "document",
    [
        "kind: Secret\nmetadata: {name: s}\nstringData: {pin: 8812349876}",
        "kind: Secret\nmetadata: {name: s}\nstringDat:\n  pin: 8812349876",
        "kind: Secret\nmetadata: {name: s}\nimmutable: '8812349876'",
        "kind: Secret\nmetadata: {name: s}\ndata: [8812349876]",
        "kind: Secrett\nmetadata: {name: s}\nstringData: {pin: 8812349876}",
        "kind: ConfigMap\nmetadata: {name: s}\ndata: {db_password: 8812349876}",
        "kind: ConfigMap\nmetadata: {name: s}\ndata:\n  db_password: 8812349876",
    ],
)
async def test_no_sentence_repeats_a_secret_of_the_wrong_type(check: Checked, document: str) -> None:
    """`stringData.pin is the number 8812349876, expected text` said in words what the source line had left out."""
    report = await check(f"apiVersion: v1\n{document}\n")

    assert any(one.rule.startswith(("kubernetes/wrong", "kubernetes/unknown")) for one in report.findings)
    assert "8812349876" not in json.dumps(report.to_dict())


async def test_what_is_no_secret_is_still_quoted(check: Checked) -> None:
    """A finding without its line and value helps nobody; a reference says where a secret is, and is none."""
    good = "    - name: DB_PASSWORD\n      valueFrom: {secretKeyRef: {name: db, kee: password}}\n"
    report = await check(f"{POD}{good}    - {{name: LEVEL, valu: info}}\n    - {{name: PORT, value: 8080}}\n")

    lines = {one.source.strip() for one in report.findings if one.checker == "kubernetes schema"}
    assert "valueFrom: {secretKeyRef: {name: db, kee: password}}" in lines
    assert "- {name: LEVEL, valu: info}" in lines
    assert any("the number 8080" in one.message for one in report.findings)


@settings(max_examples=60)
@given(
    field=st.sampled_from(["value", "valu", "vale", "values", "Value", "val", "content"]),
    before=st.booleans(),
    number=st.integers(10**9, 10**12),
)
async def test_whatever_the_field_is_called_the_secret_beside_its_name_is_hidden(
    field: str,
    before: bool,  # noqa: FBT001  drawn
    number: int,
) -> None:
    """Typing errors are many; what stands beside a secret's name is what it names."""
    parts = ["name: API_TOKEN", f"{field}: {number}"]
    text = f"{POD}    - {{{', '.join(reversed(parts) if before else parts)}}}\n"

    report = await validate([text], Roots((Path.cwd(),)), type="kubernetes")

    assert str(number) not in json.dumps(report.to_dict())


def test_the_lines_of_many_faults_are_prepared_together() -> None:
    """Looking around each of 20,000 lines for the name of a secret took twelve seconds; the file is looked at once."""
    many = "\n".join(f"  key{number % 10}: value {number}" for number in range(20_000))

    problems = parse(f"a:\n{many}\n  db_password: x\n  db_password: {PASSWORD}\n").problems

    assert len(problems) == 19_991
    assert problems[0].source == "  key0: value 10"
    assert problems[-1].source == "  db_password: <redacted>"


async def test_a_value_of_a_variable_that_is_sensitive_is_not_quoted_from_another_file(
    check: Checked, tmp_path: Path
) -> None:
    """`fmt` quoted a badly aligned line of a .tfvars file; that the variable is sensitive stands in another file."""
    (tmp_path / "main.tf").write_text('variable "pin" {\n  sensitive = true\n}\n')
    (tmp_path / "terraform.tfvars").write_text(f'pin ="{PASSWORD}"\nlonger = 1\n')

    report = await check(str(tmp_path))

    assert PASSWORD not in json.dumps(report.to_dict())
    assert any(one.rule == "secrets/named" and one.line == 1 for one in report.findings)
