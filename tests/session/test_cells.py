"""What a notebook's user does with a session from cell to cell, in a real kernel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.session.kernel import Cell, Notebook

TARGET = "{'namespace': 'shop', 'workload': 'checkout'}"
PREPARE = """
import asyncio, codenb, os, time
gaps = []
async def beat():
    while True:
        begun = time.perf_counter()
        await asyncio.sleep(0.01)
        gaps.append(time.perf_counter() - begun)
beating = asyncio.create_task(beat())
"""
STORY = (
    "nb = await codenb.connect()",
    f"context = await nb.gather({TARGET})",
    "answer = await nb.consult('Why is checkout failing?', context)",
    "proposal = await nb.propose('kubernetes', 'scale_deployment', name='checkout', namespace='shop', replicas=2)",
    "outcomes = await nb.execute(answer.proposals, approver=codenb.approver())",
)


@dataclass
class Told:
    """A kernel in which the whole story was told once.

    Attributes:
        cells: One a line of the story.
        held: How long the event loop was held at most during each line, in seconds.
    """

    kernel: Notebook
    cells: list[Cell]
    held: dict[str, float]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """A kernel on the embedded world, without a front end."""
    folder, home = tmp_path_factory.mktemp("project"), tmp_path_factory.mktemp("jupyter")
    with Notebook(folder, home, {"CODENB_CONNECT": "demo:oom"}) as kernel:
        kernel.run(PREPARE)
        story = Told(kernel, [], {})
        for line in STORY:
            kernel.run("await asyncio.sleep(0.05); gaps.clear()")
            story.cells.append(kernel.run(f"{line}\nawait asyncio.sleep(0.05)"))
            story.held[line] = float(kernel.run("print(max(gaps))").stream("stdout"))
        kernel.run("beating.cancel()")
        yield story


@pytest.fixture
def kernel(told: Told) -> Notebook:
    """The kernel in which the story was told."""
    return told.kernel


def test_a_session_is_opened_used_and_closed_in_different_cells(kernel: Notebook):
    """Every cell is a task of its own; the SDK's client may be left only by the task that entered it."""
    kernel.run("other = await codenb.connect('demo:healthy')")

    assert "Healthy" in kernel.run(f"(await other.consult('Is all well?', {TARGET})).consensus").value["text/plain"]

    before = set(kernel.started())
    kernel.run("await other.close(); await other.close()")
    assert len(before - set(kernel.started())) == 1
    assert kernel.fail("await other.call('kubernetes', 'get_pods')").startswith("ConnectFailed: this session is closed")


def test_without_a_person_the_demo_policy_mends_the_embedded_world(kernel: Notebook):
    """Binder and CI run the same notebook; on the embedded world, and only there, somebody has to say yes."""
    assert "verified" in kernel.run("[one.status for one in outcomes]").value["text/plain"]
    assert "demo policy" in kernel.run("outcomes[0].decision.decider").value["text/plain"]


@pytest.mark.parametrize(
    "shown",
    [
        "nb",
        "nb.place",
        "nb.host.status()",
        "await nb.tools()",
        "await nb.resources()",
        "await nb.prompts()",
        "await nb.call('kubernetes', 'get_pods', namespace='shop')",
        "await nb.read('kubernetes', 'about://server')",
        "context",
        "context.target",
        "context.items[0]",
        "answer",
        "answer.consensus",
        "answer.opinions[0]",
        "answer.recommendations[0]",
        "answer.proposals[0]",
        "proposal",
        "proposal.preview",
        "proposal.preview.change",
        "outcomes",
        "outcomes[0]",
        "outcomes[0].decision",
        "nb.calls",
        "nb.calls[0]",
    ],
)
def test_whatever_a_cell_ends_with_is_seen_as_html_and_as_text(kernel: Notebook, shown: str):
    """JupyterLab shows the one, a terminal and a saved notebook on GitHub the other; neither may be a bare repr."""
    value = kernel.run(shown).value

    assert value["text/html"].lstrip().startswith("<")
    assert not value["text/plain"].startswith(("<codenb", "<Outcomes", "{"))
    assert len(value["text/plain"]) > 5


@pytest.mark.parametrize("table", ["nb.calls", "await nb.tools()", "outcomes", "nb.host.status()"])
def test_lists_of_things_are_frames_too(kernel: Notebook, table: str):
    """Who wants to filter and sort has pandas at hand."""
    assert "DataFrame" in kernel.run(f"type(({table}).frame()).__name__").value["text/plain"]


def test_long_work_is_one_output_that_updates(told: Told):
    """A line a server and a second would push the answer off the page."""
    for cell in told.cells[1], told.cells[4]:
        displays = cell.displays
        first = [one for one in cell.outputs if one["msg_type"] == "display_data"]

        assert len(first) <= 2  # execute's, and that of the gather after it
        assert len(displays) > len(first) or len(displays) == 1
        assert all({"text/html", "text/plain"} == one["data"].keys() for one in displays)


def test_cells_hold_nothing_but_what_codenb_shows(told: Told):
    """Libraries log and warn; a runbook full of that is not a record."""
    assert [cell.stream("stderr") + cell.stream("stdout") for cell in told.cells] == [""] * len(STORY)


def test_the_kernel_stays_responsive_while_a_session_works(told: Told):
    """A blocked loop delivers no click, no interrupt and no progress. The bound is for a machine under load."""
    for line, seconds in told.held.items():
        print(f"{seconds:.3f} s at most: {line}")  # noqa: T201  seen with -rP

    assert max(told.held.values()) < 15


def test_a_demo_leaves_the_folder_of_the_notebook_alone(kernel: Notebook):
    """Trying codenb in a project must not write into that project."""
    folder = Path(kernel.run("print(os.getcwd())").stream("stdout").strip())

    assert list(folder.iterdir()) == []
