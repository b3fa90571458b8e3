"""The analyzers on containers that the embedded world does not play: the kind is solved, not the case."""

from __future__ import annotations

from typing import Any

import pytest

from codenb.models import Cause
from codenb.servers.kubernetes.analyzers import analyze
from codenb.servers.kubernetes.snapshot import (
    Container,
    ContainerState,
    Keys,
    Log,
    Reference,
    ReplicaSet,
)
from tests.servers_kubernetes import states


@pytest.mark.parametrize(
    ("message", "word"),
    [
        ("failed to resolve reference: unexpected status: 401 Unauthorized", "credentials"),
        ("manifest unknown: tag 1.9 not found", "no such name or tag"),
        ('Get "https://registry.example/v2/": dial tcp: lookup registry.example: no such host', "cannot be reached"),
        ("toomanyrequests: You have reached your pull rate limit", "limits how often"),
    ],
)
def test_why_an_image_cannot_be_pulled_is_told_apart(message: str, word: str) -> None:
    """A tag, a password, a network and a limit are mended by four different people."""
    state = ContainerState(name="app", state="waiting", reason="ErrImagePull", message=message)

    first = states.says(
        states.seen_as(workloads=[states.web()], pods=[states.pod(state=state)]), Cause.IMAGE_PULL, "Deployment web"
    )

    assert word in first.message


def test_a_misspelt_command_of_an_init_container_is_a_wrong_command() -> None:
    """`wge` for `wget`: the shell says 127, the container is an init container."""
    init = Container(name="fetch", init=True, image="busybox:1", command=("sh", "-c", "wge -O- http://config"))
    state = states.crash(name="fetch", init=True, last_exit_code=127)
    log = Log(pod="web-1", owner="Deployment web", container="fetch", text="sh: wge: not found")
    seen = states.seen_as(
        workloads=[states.web(containers=(init, states.APP))],
        pods=[states.pod(state=state, phase="Pending")],
        logs=[log],
    )

    first = states.says(seen, Cause.CRASH_COMMAND, "Deployment web")

    assert "init container fetch" in first.message
    assert "sh: wge: not found" in first.quotes


@pytest.mark.parametrize(
    "line",
    [
        "KeyError: 'DEPLOY_ENV'",
        "panic: required environment variable DEPLOY_ENV is not set",
        "Error: DEPLOY_ENV must be set",
        "config: missing required env DEPLOY_ENV",
        "/entrypoint.sh: line 3: DEPLOY_ENV: unbound variable",
        'level=fatal msg="environment variable \\"DEPLOY_ENV\\" not found"',
        "required key DEPLOY_ENV missing value",
        "ValueError: DEPLOY_ENV is missing",
    ],
)
def test_a_missing_variable_is_understood_in_many_tongues(line: str) -> None:
    """Every language says it in its own way; without an older revision there is no value to propose."""
    first = states.says(
        states.seen_as(
            workloads=[states.web()], pods=[states.pod(state=states.crash())], logs=[states.log(f"starting\n{line}")]
        ),
        Cause.MISSING_ENV,
        "Deployment web",
    )

    assert "DEPLOY_ENV" in first.message
    assert [one.call for one in first.remedies] == [None]


def test_a_variable_that_is_set_is_not_missing() -> None:
    """The program may say so all the same; then something else is wrong with it."""
    box = states.APP.model_copy(update={"env": {"DEPLOY_ENV": "production"}})
    seen = states.seen_as(
        workloads=[states.web(containers=(box,))],
        pods=[states.pod(state=states.crash())],
        logs=[states.log("error: DEPLOY_ENV must be set")],
    )

    states.says(seen, Cause.CRASH_APPLICATION, "Deployment web")


def test_a_hidden_value_is_never_proposed() -> None:
    """The revision before had the variable, but its value is a secret: words only, and going back."""
    old = Container(name="app", env={"API_TOKEN": "<hidden>"})
    line = "containers[app].env[API_TOKEN]: <hidden> -> (absent)"
    sets = [
        ReplicaSet(name="web-2", deployment="web", revision=2, changes=(line,)),
        ReplicaSet(name="web-1", deployment="web", revision=1, containers=(old,)),
    ]
    log = states.log("fatal: environment variable API_TOKEN is not set")
    first = states.first_of(
        states.seen_as(workloads=[states.web()], pods=[states.pod(state=states.crash())], logs=[log], replica_sets=sets)
    )

    assert first.cause is Cause.MISSING_ENV
    assert [one.call.tool for one in first.remedies if one.call] == ["undo_rollout"]


def test_a_program_that_fails_is_quoted_by_its_last_error() -> None:
    """No rule knows every program; its own words are the evidence."""
    log = states.log("starting\nTraceback (most recent call last):\nZeroDivisionError: error in division")

    first = states.says(
        states.seen_as(workloads=[states.web()], pods=[states.pod(state=states.crash())], logs=[log]),
        Cause.CRASH_APPLICATION,
        "Deployment web",
    )

    assert first.quotes[0] == "ZeroDivisionError: error in division"


@pytest.mark.parametrize(
    ("change", "older", "cause"),
    [
        ("containers[app].image: web:1 -> web:2", None, Cause.VERSION_REGRESSION),
        ("containers[app].image: (absent) -> web:2", None, Cause.CRASH_APPLICATION),
        ("containers[other].image: web:1 -> web:2", None, Cause.CRASH_APPLICATION),
        ("containers[app].image: web:1 -> web:2", "web-1", Cause.CRASH_APPLICATION),
    ],
)
def test_a_program_that_fails_since_its_image_changed_is_a_regression(
    change: str, older: str | None, cause: Cause
) -> None:
    """Not where the container is new, another one was changed, or the version before fails as well."""
    sets = [
        ReplicaSet(name="web-2", deployment="web", revision=2, changes=(change,)),
        ReplicaSet(name="web-1", deployment="web", revision=1, containers=(states.APP,)),
    ]
    pods = [states.pod(state=states.crash(), replica_set="web-2")]
    if older:
        pods.append(states.pod(state=states.crash(), replica_set=older).model_copy(update={"name": "web-0"}))
    log = states.log("panic: index out of range")

    states.says(
        states.seen_as(workloads=[states.web()], pods=pods, logs=[log], replica_sets=sets), cause, "Deployment web"
    )


def test_a_limit_that_never_was_larger_is_doubled() -> None:
    """128Mi becomes 256Mi; there is no revision to go back to."""
    box = states.APP.model_copy(update={"limits": {"memory": "128Mi"}})
    seen = states.seen_as(
        workloads=[states.web(containers=(box,))],
        pods=[states.pod(state=states.crash(last_reason="OOMKilled", last_exit_code=137))],
    )

    first = states.says(seen, Cause.OOM_KILLED, "Deployment web")

    assert [one.call.arguments["limits"] for one in first.remedies if one.call] == [{"memory": "256Mi"}]


@pytest.mark.parametrize(
    ("reference", "parts", "cause"),
    [
        (Reference(kind="ConfigMap", name="settings", via="envFrom of app"), {}, Cause.MISSING_CONFIG),
        (Reference(kind="Secret", name="db", via="env X of app"), {}, Cause.MISSING_SECRET),
        (
            Reference(kind="ConfigMap", name="settings", keys=("LEVEL",), via="env LEVEL of app"),
            {"config_maps": [Keys(name="settings", keys=("OTHER",))]},
            Cause.MISSING_CONFIG,
        ),
        (Reference(kind="PersistentVolumeClaim", name="disk", via="volume data"), {}, Cause.VOLUME_MISSING),
    ],
)
def test_what_a_template_needs_and_is_not_there_is_found(
    reference: Reference, parts: dict[str, Any], cause: Cause
) -> None:
    """Also before the kubelet complains."""
    state = ContainerState(name="app", state="waiting", reason="CreateContainerConfigError", message="see events")
    seen = states.seen_as(workloads=[states.web(references=(reference,))], pods=[states.pod(state=state)], **parts)

    states.says(seen, cause, "Deployment web")


def test_an_optional_reference_is_not_missing() -> None:
    """`optional: true` is there for that."""
    reference = Reference(kind="ConfigMap", name="settings", via="envFrom of app", optional=True)

    assert analyze(states.seen_as(workloads=[states.web(ready=2, references=(reference,))])) == []


def test_a_list_that_could_not_be_read_is_no_list_of_nothing() -> None:
    """A viewer may not list secrets; every secret would be missing."""
    reference = Reference(kind="Secret", name="db", via="env X of app")
    seen = states.seen_as(workloads=[states.web(ready=2, references=(reference,))])

    assert analyze(seen.model_copy(update={"counts": {}, "missing": {"secrets": "no"}})) == []


def test_a_probe_on_a_port_that_the_container_lacks_is_wrong() -> None:
    """The program works; only its probe asks elsewhere."""
    box = states.APP.model_copy(update={"probes": {"readiness": "http-get :9090/healthz period=5s"}})
    told = 'Readiness probe failed: Get "http://10.1.0.7:9090/healthz": dial tcp 10.1.0.7:9090: connection refused'
    seen = states.seen_as(
        workloads=[states.web(containers=(box,))],
        pods=[states.pod(state=ContainerState(name="app", state="running"))],
        events=[states.warning("Unhealthy", told)],
    )

    assert "port 9090" in states.says(seen, Cause.PROBE_WRONG, "Deployment web").message
