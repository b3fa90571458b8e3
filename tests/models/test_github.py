"""Workflow commands: each is one line that the runner reads back to what was meant."""

from __future__ import annotations

import re

from hypothesis import given

from codenb.models import Severity
from tests.models.reports import INCOMPLETE, REPORT, SCHEMA, VALID, anything
from tests.views.anything import unhurried

_COMMAND = re.compile(r"::(?P<kind>error|warning|notice) (?P<properties>[^:]*)::(?P<message>.*)")


def unescaped(text: str, *, in_property: bool = False) -> str:
    """As the runner reads a value."""
    if in_property:
        text = text.replace("%3A", ":").replace("%2C", ",")
    return text.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")


def read(text: str) -> list[tuple[str, dict[str, str], str]]:
    """Commands as the runner reads them, line by line."""
    found = []
    for line in text.split("\n")[:-1]:
        command = _COMMAND.fullmatch(line)
        assert command, line
        pairs = (pair.partition("=") for pair in command["properties"].split(","))
        properties = {name: unescaped(value, in_property=True) for name, _, value in pairs}
        found.append((command["kind"], properties, unescaped(command["message"])))
    return found


def test_a_finding_is_an_annotation_on_its_line():
    """A reviewer sees the finding beside the line, with rule and remedy."""
    commands = read(REPORT.to_github())

    assert commands[2] == (
        "error",
        {"file": "shop/checkout.yaml", "line": "8", "col": "13", "title": "high: kubernetes/schema"},
        f"Deployment shop/checkout: {SCHEMA.message}\n{SCHEMA.remedy}",
    )
    assert [kind for kind, _, _ in commands] == ["error", "error", "error", "warning", "notice", "notice"]
    assert commands[4][1] == {"file": "main.tf", "title": "info: terraform/fmt"}


def test_only_what_fails_the_run_is_an_error():
    """A green run with red annotations is not believed, and a red one without any is not understood."""
    lenient = REPORT.model_copy(update={"fail_on": Severity.CRITICAL, "checkers": ()})

    assert [kind for kind, _, _ in read(lenient.to_github())][:2] == ["error", "warning"]


def test_a_checker_that_could_not_run_is_said_first():
    """The runner keeps the first ten annotations only."""
    kind, properties, message = read(INCOMPLETE.to_github())[0]

    assert (kind, properties["title"]) == ("error", "terraform validate could not run")
    assert message == "the provider aws is missing: run init"


def test_nothing_found_says_nothing():
    """An empty annotation would be one more thing to read."""
    assert VALID.to_github() == ""


@unhurried
@given(anything)
def test_no_text_begins_a_command_of_its_own(report):
    """A file name with a line feed and `::add-mask::` in it would order the runner about."""
    commands = read(report.to_github())

    assert len(commands) == len(report.findings) + len(report.failed_checkers) + len(report.notes)
    for (_, properties, message), finding in zip(
        commands[len(report.failed_checkers) :], report.findings, strict=False
    ):
        assert properties.keys() <= {"file", "line", "endLine", "col", "title"}
        if finding.file.isascii() and finding.file.isprintable():
            assert properties["file"] == finding.file
        if finding.message.isascii() and finding.message.isprintable():
            assert finding.message in message
