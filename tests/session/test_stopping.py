"""Stopping a cell, a kernel, a machine's patience: what is left running, and what is done and what is not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from codenb.demo import WorldThread
from tests.host.helpers import PATIENCE_S, alive
from tests.session.conftest import Project
from tests.session.kernel import Cell, Notebook

CONNECT = """
import asyncio, codenb
from datetime import datetime, UTC
class Yes:
    async def decide(self, request):
        return codenb.Decision(approve=True, digest=request.digest, by="test", approver="test", at=datetime.now(UTC))
"""
PROJECT = f"{CONNECT}nb = await codenb.connect()"
DEMO_AND_PROJECT = f"{CONNECT}nb = await codenb.connect('demo', home='.')"
THINKS = """
class Thinker:
    name = family = "thinker"
    async def think(self, *asked):
        print("thinking", flush=True)
        await asyncio.Event().wait()
    decide = opine = think
"""
SCALE = "proposal = await nb.propose('kubernetes', 'scale_deployment', name='cart', namespace='shop', replicas={})"
REPLICAS = """
cart = await nb.call('kubernetes', 'get_resource', kind='Deployment', name='cart', namespace='shop')
print(cart.data['spec']['replicas'])
"""
STOPPED = ("KeyboardInterrupt", "CancelledError")
Make = Callable[..., Notebook]
CALLING = """
async def tell():
    while not nb.host._peers["other"]._pool.busy:
        await asyncio.sleep(0.01)
    print("calling", flush=True)
telling = asyncio.create_task(tell())
await nb.call("other", "go")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a server that never answers, and one whose changes can be held up."""
    project = Project(tmp_path_factory.mktemp("project"))
    project.misbehaving("deaf")
    project.counting()
    return project.folder


@pytest.fixture(scope="module")
def kernel(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook]:
    """One session for all that is stopped here: whatever one test does to it, the next one finds it usable."""
    with Notebook(folder, tmp_path_factory.mktemp("jupyter")) as notebook:
        notebook.run(f"{DEMO_AND_PROJECT}\n{THINKS}")
        yield notebook


def stopped(notebook: Notebook, cell: Cell) -> None:
    """Press stop; the cell has to end, and not by itself: what is stopped here has no end of its own."""
    notebook.interrupt()
    cell.wait()
    assert cell.error.startswith(STOPPED)


@pytest.mark.parametrize(
    ("code", "once"),
    [
        (CALLING, "calling"),
        ("await nb.gather(namespace='shop', servers=['kubernetes', 'other'])", "kubernetes.gather_context: ok"),
        ("await nb.consult('Why?', found, circle=[Thinker()])", "thinking"),
    ],
    ids=["call", "gather", "consult"],
)
def test_a_stopped_cell_leaves_the_session_usable(kernel: Notebook, code: str, once: str):
    """What hangs is stopped with the stop button, not by restarting the kernel and losing the record."""
    kernel.run("found = await nb.gather(namespace='shop', servers=['kubernetes'])")

    stopped(kernel, kernel.start(code).until(once))

    again = kernel.run("found = await nb.gather(namespace='shop', servers=['kubernetes']); print(found.missing)")
    assert again.stream("stdout").strip() == "{}"
    assert "open" in kernel.run("print({row.server: row.state for row in nb.host.status()})").stream("stdout")


def test_a_stopped_call_is_recorded_as_such(kernel: Notebook):
    """The record of a run holds what was tried, not only what came to an end."""
    stopped(kernel, kernel.start(CALLING).until("calling"))

    assert "cancelled" in kernel.run("print(nb.calls[-1].status)").stream("stdout")


def test_stopping_while_a_decision_is_awaited_changes_nothing(kernel: Notebook):
    """Whoever presses stop at the question says no; the loop sleeps at that moment and must hear it all the same."""
    before = kernel.run(f"{SCALE.format(4)}\n{REPLICAS}").stream("stdout")

    stopped(kernel, kernel.start("await nb.execute(proposal, approver=Thinker())").until("thinking"))

    assert kernel.run(REPLICAS).stream("stdout") == before
    done = kernel.run("print((await nb.execute(proposal, codenb.demo_policy()))[0].status)")
    assert done.stream("stdout").strip() == "verified"


def test_stopping_at_the_panel_says_that_nothing_was_approved(kernel: Notebook):
    """The page stays as the record: two live buttons that nobody listens to would be a lie."""
    kernel.run(SCALE.format(5))
    cell = kernel.start("await nb.execute(proposal, approver=codenb.approver())", person=True).until("Approve")

    stopped(kernel, cell)

    assert cell.shows("interrupted: not approved")


def test_a_click_is_heard_while_the_cell_waits_for_it(kernel: Notebook):
    """A kernel that delivers clicks only between cells would wait for ever: the panel is asked inside one."""
    kernel.run(SCALE.format(2))
    cell = kernel.start("outcomes = await nb.execute(proposal, approver=codenb.approver())", person=True)

    kernel.click(cell.until("Approve"), "Approve")
    cell.wait()

    told = kernel.run("print(outcomes[0].status, outcomes[0].decision.approver)").stream("stdout")
    assert told.strip() == "verified ask_me"


def test_a_change_that_is_being_applied_is_completed_although_the_cell_is_stopped(kernel: Notebook, folder: Path):
    """Half a change is worse than a whole one; and what came of it can be asked for in the next cell."""
    toy = folder / "toy"
    (toy / "closed").touch()
    kernel.run("proposal = await nb.propose('toy', 'set_count', name='checkout', value=7)")
    cell = kernel.start("await nb.execute(proposal, approver=Yes())").until("carrying it out")
    until = time.monotonic() + PATIENCE_S
    while not (toy / "writing").exists() and time.monotonic() < until:
        time.sleep(0.02)

    stopped(kernel, cell)
    (toy / "gate").touch()

    assert kernel.run("print(nb.outcomes[0].status)").stream("stdout").strip() == "unknown"
    asked = kernel.run("print((await nb.outcome(nb.outcomes[0].reference)).status)")
    assert asked.stream("stdout").strip() == "applied"
    counted = kernel.run("print((await nb.call('toy', 'get_count', name='checkout')).data['value'])")
    assert counted.stream("stdout").strip() == "7"


def test_two_notebooks_work_on_one_folder_at_once(notebook: Make, project: Project):
    """Two people, or two tabs: they share the folder's state, its logs and its previews, and mend different things."""
    project.counting()
    with WorldThread("oom") as world:
        kernels = [notebook(connect=None, KUBECONFIG=str(world.kubeconfig)) for _ in range(2)]
        for kernel in kernels:
            kernel.run(PROJECT)
        cells = [
            kernel.start(
                "found = await nb.gather(namespace='shop')\n"
                f"proposal = await nb.propose('kubernetes', 'scale_deployment', name={name!r}, namespace='shop', "
                "replicas=4)\n"
                "outcomes = await nb.execute(proposal, approver=Yes())\n"
                "print(sorted({item.status for item in found.items}), [one.status for one in outcomes])"
            )
            for kernel, name in zip(kernels, ("cart", "catalog"), strict=True)
        ]

        for cell in cells:
            cell.wait()
            assert cell.error == ""
            assert cell.stream("stdout").strip() == "['ok'] ['verified']"
        assert [world.writes("deployments/scale", name) for name in ("cart", "catalog")] == [1, 1]


@pytest.mark.parametrize("how", ["kill", "shut_down"])
def test_nothing_outlives_the_kernel(notebook: Make, project: Project, how: str):
    """Nobody closes a session when the machine takes the kernel; worlds and servers would pile up on a shared hub."""
    project.misbehaving("deaf")
    kernel = notebook()
    kernel.run(DEMO_AND_PROJECT)
    kernel.start("await nb.call('other', 'go')")
    started = kernel.started()
    assert len(started) >= 2  # the world, and the server

    getattr(kernel, how)()

    until = time.monotonic() + PATIENCE_S
    while any(alive(pid) for pid in started) and time.monotonic() < until:
        time.sleep(0.05)
    assert [pid for pid in started if alive(pid)] == []
