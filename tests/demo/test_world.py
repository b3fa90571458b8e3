"""A world in a process of its own, and the command line that it is started by."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from codenb.demo import World
from codenb.errors import BadInput, WorldError
from codenb.models.embedded import EMBEDDED_UID

COMMAND = [sys.executable, "-m", "codenb.demo"]


def kube_system_uid(world, talk):
    return talk(world)("GET", "/api/v1/namespaces/kube-system")[1]["metadata"]["uid"]


async def test_a_world_is_started_asked_and_stopped_from_different_tasks(talk):
    """In a notebook each cell is a task of its own."""
    world = await asyncio.create_task(World.start("oom"))
    try:
        assert world.alive
        assert (world.scenario.name, world.scenario.workload) == ("oom", "checkout")
        assert (world.uid, world.context, world.embedded) == (EMBEDDED_UID, "codenb-demo", True)
        assert await asyncio.to_thread(kube_system_uid, world, talk) == EMBEDDED_UID
    finally:
        await asyncio.create_task(world.stop())
    assert not world.alive
    assert not world.kubeconfig.exists()
    await world.stop()


async def test_a_foreign_world_is_not_taken_for_the_embedded_one(talk):
    """What may be changed without a setting is decided by this uid."""
    async with await World.start("healthy", foreign=True) as world:
        assert (world.context, world.embedded) == ("foreign", False)
        assert world.uid != EMBEDDED_UID
        assert await asyncio.to_thread(kube_system_uid, world, talk) == world.uid


async def test_an_unknown_scenario_starts_nothing():
    """The name is checked before a process is."""
    with pytest.raises(BadInput, match="choose one of"):
        await World.start("nope")


async def test_a_process_that_dies_at_its_start_is_told_in_one_line(monkeypatch):
    """What it wrote last is the best that is known."""
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    with pytest.raises(WorldError) as caught:
        await World.start("oom")
    assert str(caught.value).startswith("the embedded world did not start: ")
    assert "\n" not in str(caught.value)


async def test_a_world_that_is_not_ready_in_time_is_ended():
    """A deadline that leaves a process behind would fill a machine."""
    with pytest.raises(WorldError, match=r"not ready after 0\.001 s"):
        await World.start("oom", deadline_s=0.001)


def started(*arguments, **options):
    return subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def finish(process):
    _, errors = process.communicate(timeout=180)
    return process.returncode, errors


def test_the_process_ends_with_its_standard_input_and_takes_its_kubeconfig_along():
    """A kernel that is killed closes its pipes and says nothing: no world may outlive it."""
    process = started("--until-eof")
    facts = json.loads(process.stdout.readline())
    kubeconfig = Path(facts["kubeconfig"])
    assert kubeconfig.stat().st_mode & 0o777 == 0o600
    assert kubeconfig.parent.stat().st_mode & 0o777 == 0o700
    code, errors = finish(process)
    assert code == 0
    assert not kubeconfig.parent.exists()
    assert "no" in errors
    assert "double" in errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_good_order(tmp_path, number):
    """A kubeconfig that was asked for stays where it was put."""
    kubeconfig = tmp_path / "kubeconfig"
    process = started("--kubeconfig", str(kubeconfig), "--scenario", "healthy")
    facts = json.loads(process.stdout.readline())
    assert facts == facts | {
        "scenario": "healthy",
        "kubeconfig": str(kubeconfig),
        "uid": EMBEDDED_UID,
        "context": "codenb-demo",
        "embedded": True,
        "namespace": "shop",
        "workload": "checkout",
        "kind": "diagnose",
    }
    process.send_signal(number)
    assert finish(process)[0] == 0
    assert kubeconfig.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scenario", "nope"], "there is no scenario 'nope'"),
        (["--port", "99999"], "cannot listen on 127.0.0.1:99999"),
        (["--port", "many"], "invalid int value"),
        (["--kubeconfig", "/nonexistent/place/config"], "cannot write the kubeconfig"),
        (["--surprise"], "unrecognized arguments: --surprise"),
    ],
)
def test_wrong_arguments_are_answered_in_one_line_and_exit_2(arguments, message):
    """Anything a person types that is wrong is 2, with one line that says what to do."""
    code, errors = finish(started(*arguments))
    assert code == 2
    assert message in errors.splitlines()[-1]
    assert "Traceback" not in errors


def test_a_world_in_a_thread_logs_nothing_through_loggers_of_others(serve, talk, caplog):
    """Requests and starts appeared in the log of the process that the world is a guest of."""
    logging.getLogger("uvicorn.access").propagate = True
    with caplog.at_level(logging.INFO):
        talk(serve())("GET", "/version")
    assert [record.name for record in caplog.records if record.name.startswith("uvicorn")] == []


def test_the_scenarios_can_be_listed():
    """One a line, with what it shows."""
    found = subprocess.run([*COMMAND, "--list"], capture_output=True, text=True, timeout=180, check=True).stdout
    assert "oom" in found
    assert "killed for using more memory" in found


def test_importing_the_room_loads_nothing_heavy():
    """`import codenb` and `connect("demo")` must stay fast."""
    code = (
        "import sys, codenb.demo.process, codenb.demo.scenarios; heavy = {'uvicorn', 'yaml', 'pydantic', 'mcp', "
        "'kubernetes', 'aiohttp', 'cryptography'} & set(sys.modules); sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=180, check=False)
    assert done.stderr == ""
    assert done.returncode == 0


def test_the_serving_process_loads_no_client_and_no_server_of_others():
    """It is started each time: it must stay light."""
    code = (
        "import sys, codenb.demo.serving; heavy = {'pydantic', 'mcp', 'kubernetes', 'aiohttp', 'pandas'} & "
        "set(sys.modules); sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=180, check=False)
    assert done.stderr == ""
    assert done.returncode == 0
