"""Stopping a cell, a kernel, a machine's patience: what is left running, and what is done and what is not."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from codenb.demo import WorldThread
from tests.host.helpers import PATIENCE_S, alive
from tests.session.conftest import Project
from tests.session.kernel import Notebook

CONNECT = "import asyncio, codenb\nnb = await codenb.connect()"
DEMO_AND_PROJECT = "import asyncio, codenb\nnb = await codenb.connect('demo', home='.')"
WORKS = "pods = await nb.call('kubernetes', 'get_pods', namespace='shop'); print(len(pods.data['pods']))"
PATIENT = """
class Patient:
    async def decide(self, request):
        print("asked", flush=True)
        await asyncio.Event().wait()
"""
YES = """
from datetime import datetime, UTC
class Yes:
    async def decide(self, request):
        return codenb.Decision(approve=True, digest=request.digest, by="test", approver="test", at=datetime.now(UTC))
"""
FIX = "proposal = await nb.propose('kubernetes', 'scale_deployment', name='cart', namespace='shop', replicas=5)"
REPLICAS = (
    "print((await nb.call('kubernetes', 'get_resource', kind='Deployment', name='cart', namespace='shop'))"
    ".data['spec']['replicas'])"
)
STOPPED = ("KeyboardInterrupt", "CancelledError")
SOON_S = 5.0
"""How soon a stopped cell must end: generous for a loaded machine, and far from how long the work would take."""

Make = Callable[..., Notebook]


def stopped(notebook: Notebook, code: str, once: str) -> str:
    """Run a cell, press stop when it shows a text, and return its error."""
    cell = notebook.start(code).until(once)
    begun = time.monotonic()
    notebook.interrupt()
    cell.wait()
    assert time.monotonic() - begun < SOON_S
    return cell.error


def test_a_stopped_cell_leaves_the_session_usable(notebook: Make, project: Project):
    """A server that hangs is stopped with the stop button, not by restarting the kernel and losing the record."""
    project.misbehaving("deaf")
    kernel = notebook()
    kernel.run(DEMO_AND_PROJECT)

    error = stopped(kernel, "print('calling', flush=True)\nawait nb.call('other', 'go')", "calling")

    assert error.startswith(STOPPED)
    assert int(kernel.run(WORKS).stream("stdout")) > 0
    assert "cancelled" in kernel.run("print(nb.calls[-2].status)").stream("stdout")


def test_a_gather_stopped_half_way_leaves_the_session_usable(notebook: Make, project: Project):
    """One server that hangs is why people press stop; what the others said must not be stuck with it."""
    project.misbehaving("deaf")
    kernel = notebook()
    kernel.run(DEMO_AND_PROJECT)

    error = stopped(kernel, "await nb.gather(namespace='shop')", "kubernetes.gather_context: ok")

    assert error.startswith(STOPPED)
    again = kernel.run("found = await nb.gather(namespace='shop', servers=['kubernetes']); print(found.missing)")
    assert again.stream("stdout").strip() == "{}"


def test_stopping_while_a_decision_is_awaited_changes_nothing(notebook: Make):
    """Whoever presses stop at the question says no; the loop sleeps at that moment and must hear it all the same."""
    kernel = notebook()
    kernel.run(CONNECT + PATIENT)
    before = kernel.run(f"{FIX}\n{REPLICAS}").stream("stdout")

    error = stopped(kernel, "await nb.execute(proposal, approver=Patient())", "asked")

    assert error.startswith(STOPPED)
    assert kernel.run(REPLICAS).stream("stdout") == before
    assert "verified" in kernel.run("print((await nb.execute(proposal, codenb.demo_policy()))[0].status)").stream(
        "stdout"
    )


def test_stopping_at_the_panel_says_that_nothing_was_approved(notebook: Make):
    """The page stays as the record: two live buttons that nobody listens to would be a lie."""
    kernel = notebook(person=True)
    kernel.run(f"{CONNECT}\n{FIX}")
    cell = kernel.start("await nb.execute(proposal, approver=codenb.approver())").until("Approve")

    kernel.interrupt()
    cell.wait()

    assert cell.error.startswith(STOPPED)
    assert cell.shows("interrupted: not approved")


def test_a_click_is_heard_while_the_cell_waits_for_it(notebook: Make):
    """A kernel that delivers clicks only between cells would wait for ever: the panel is asked inside one."""
    kernel = notebook(person=True)
    kernel.run(f"{CONNECT}\n{FIX}")
    cell = kernel.start("outcomes = await nb.execute(proposal, approver=codenb.approver())").until("Approve")

    kernel.click(cell, "Approve")
    cell.wait()

    assert "verified" in kernel.run("print(outcomes[0].status, outcomes[0].decision.approver)").stream("stdout")


def test_a_change_that_is_being_applied_is_completed_although_the_cell_is_stopped(notebook: Make, project: Project):
    """Half a change is worse than a whole one; and what came of it can be asked for in the next cell."""
    project.counting()
    kernel = notebook(connect=None)
    kernel.run(CONNECT + YES)
    toy = project.folder / "toy"
    (toy / "closed").touch()
    kernel.run("proposal = await nb.propose('toy', 'set_count', name='checkout', value=7)")
    cell = kernel.start("await nb.execute(proposal, approver=Yes())").until("carrying it out")
    while not (toy / "writing").exists():
        time.sleep(0.02)

    kernel.interrupt()
    cell.wait()
    (toy / "gate").touch()

    assert cell.error.startswith(STOPPED)
    told = kernel.run("print(nb.outcomes[0].reference)").stream("stdout").strip()
    assert cell.shows(told)
    assert kernel.run(f"print((await nb.outcome({told!r})).status)").stream("stdout").strip() == "applied"
    assert (
        kernel.run("print((await nb.call('toy', 'get_count', name='checkout')).data['value'])")
        .stream("stdout")
        .startswith("7")
    )


def test_two_notebooks_work_on_one_folder_at_once(notebook: Make, project: Project, tmp_path: Path):
    """Two people, or two tabs: they share the folder's state, its logs and its previews, and mend different things."""
    project.counting()
    with WorldThread("oom") as world:
        kernels = [notebook(connect=None, KUBECONFIG=str(world.kubeconfig)) for _ in range(2)]
        for kernel in kernels:
            kernel.run(CONNECT + YES)
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
