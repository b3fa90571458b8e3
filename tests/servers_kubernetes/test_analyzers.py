"""The analyzers on states that the embedded world does not play: the kind is solved, not the case."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codenb.models import Cause, Finding
from codenb.models._yaml import as_yaml
from codenb.servers.kubernetes.analyzers import analyze
from codenb.servers.kubernetes.snapshot import (
    Autoscaler,
    Backend,
    Budget,
    Claim,
    Condition,
    Container,
    ContainerState,
    Endpoints,
    Event,
    Ingress,
    Keys,
    Log,
    NetworkPolicy,
    Node,
    Pod,
    Quota,
    Reference,
    ReplicaSet,
    Service,
    ServicePort,
    Snapshot,
    StorageClass,
    Workload,
)

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
COUNTED = ("workloads", "services", "endpoints", "pvcs", "storage_classes", "config_maps", "secrets")
APP = Container(name="app", image="web:1", ports=("http 8080/TCP",), requests={"memory": "64Mi"})


def _seen(**parts: Any) -> Snapshot:
    made = Snapshot(namespace="shop", taken_at=NOW, **{key: tuple(value) for key, value in parts.items()})
    return made.model_copy(update={"counts": {name: len(getattr(made, name)) for name in COUNTED}})


def _web(name: str = "web", **fields: Any) -> Workload:
    given_fields: dict[str, Any] = {
        "kind": "Deployment",
        "name": name,
        "desired": 2,
        "updated": 2,
        "ready": 0,
        "selector": {"app": name},
        "labels": {"app": name},
        "containers": (APP,),
    }
    return Workload(**(given_fields | fields))


def _pod(name: str = "web", state: ContainerState | None = None, **fields: Any) -> Pod:
    boxes = (state,) if state else ()
    given_fields: dict[str, Any] = {"phase": "Running", "owner": f"Deployment {name}", "containers": boxes}
    return Pod(name=f"{name}-1", **(given_fields | fields))


def _crash(**fields: Any) -> ContainerState:
    given_fields: dict[str, Any] = {
        "name": "app",
        "restarts": 4,
        "state": "waiting",
        "reason": "CrashLoopBackOff",
        "message": "back-off 5m0s restarting failed container",
        "last_reason": "Error",
        "last_exit_code": 1,
    }
    return ContainerState(**(given_fields | fields))


def _service(name: str = "web", *, target: str = "http", selector: dict[str, str] | None = None) -> Service:
    port = ServicePort(name="http", port=80, target=target)
    return Service(name=name, type="ClusterIP", selector=selector or {"app": name}, ports=(port,))


def _log(text: str, name: str = "web") -> Log:
    return Log(pod=f"{name}-1", owner=f"Deployment {name}", container="app", text=text)


def _warning(
    reason: str, message: str, about: str = "Pod web-1", owner: str = "Deployment web", **fields: Any
) -> Event:
    return Event(type="Warning", reason=reason, object=about, owner=owner, message=message, **fields)


def _first(seen: Snapshot) -> Finding:
    """The leading finding; every quote of every finding is checked on the way."""
    text = re.sub(r"\s+", " ", as_yaml(seen.to_dict()))
    found = analyze(seen)
    for one in found:
        assert one.quotes, one.rule
        assert all(re.sub(r"\s+", " ", quote) in text for quote in one.quotes), one
    return found[0]


def _says(seen: Snapshot, cause: Cause, root: str) -> Finding:
    first = _first(seen)
    assert (first.cause, f"{first.root.kind} {first.root.name}") == (cause, root), first.message
    return first


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

    first = _says(_seen(workloads=[_web()], pods=[_pod(state=state)]), Cause.IMAGE_PULL, "Deployment web")

    assert word in first.message


def test_a_misspelt_command_of_an_init_container_is_a_wrong_command() -> None:
    """`wge` for `wget`: the shell says 127, the container is an init container."""
    init = Container(name="fetch", init=True, image="busybox:1", command=("sh", "-c", "wge -O- http://config"))
    state = _crash(name="fetch", init=True, last_exit_code=127)
    log = Log(pod="web-1", owner="Deployment web", container="fetch", text="sh: wge: not found")
    seen = _seen(workloads=[_web(containers=(init, APP))], pods=[_pod(state=state, phase="Pending")], logs=[log])

    first = _says(seen, Cause.CRASH_COMMAND, "Deployment web")

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
    first = _says(
        _seen(workloads=[_web()], pods=[_pod(state=_crash())], logs=[_log(f"starting\n{line}")]),
        Cause.MISSING_ENV,
        "Deployment web",
    )

    assert "DEPLOY_ENV" in first.message
    assert [one.call for one in first.remedies] == [None]


def test_a_variable_that_is_set_is_not_missing() -> None:
    """The program may say so all the same; then something else is wrong with it."""
    box = APP.model_copy(update={"env": {"DEPLOY_ENV": "production"}})
    seen = _seen(
        workloads=[_web(containers=(box,))], pods=[_pod(state=_crash())], logs=[_log("error: DEPLOY_ENV must be set")]
    )

    _says(seen, Cause.CRASH_APPLICATION, "Deployment web")


def test_a_hidden_value_is_never_proposed() -> None:
    """The revision before had the variable, but its value is a secret: words only, and going back."""
    old = Container(name="app", env={"API_TOKEN": "<hidden>"})
    line = "containers[app].env[API_TOKEN]: <hidden> -> (absent)"
    sets = [
        ReplicaSet(name="web-2", deployment="web", revision=2, changes=(line,)),
        ReplicaSet(name="web-1", deployment="web", revision=1, containers=(old,)),
    ]
    log = _log("fatal: environment variable API_TOKEN is not set")
    first = _first(_seen(workloads=[_web()], pods=[_pod(state=_crash())], logs=[log], replica_sets=sets))

    assert first.cause is Cause.MISSING_ENV
    assert [one.call.tool for one in first.remedies if one.call] == ["undo_rollout"]


def test_a_program_that_fails_is_quoted_by_its_last_error() -> None:
    """No rule knows every program; its own words are the evidence."""
    log = _log("starting\nTraceback (most recent call last):\nZeroDivisionError: error in division")

    first = _says(
        _seen(workloads=[_web()], pods=[_pod(state=_crash())], logs=[log]), Cause.CRASH_APPLICATION, "Deployment web"
    )

    assert first.quotes[0] == "ZeroDivisionError: error in division"


def test_a_limit_that_never_was_larger_is_doubled() -> None:
    """128Mi becomes 256Mi; there is no revision to go back to."""
    box = APP.model_copy(update={"limits": {"memory": "128Mi"}})
    seen = _seen(
        workloads=[_web(containers=(box,))], pods=[_pod(state=_crash(last_reason="OOMKilled", last_exit_code=137))]
    )

    first = _says(seen, Cause.OOM_KILLED, "Deployment web")

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
    seen = _seen(workloads=[_web(references=(reference,))], pods=[_pod(state=state)], **parts)

    _says(seen, cause, "Deployment web")


def test_an_optional_reference_is_not_missing() -> None:
    """`optional: true` is there for that."""
    reference = Reference(kind="ConfigMap", name="settings", via="envFrom of app", optional=True)

    assert analyze(_seen(workloads=[_web(ready=2, references=(reference,))])) == []


def test_a_list_that_could_not_be_read_is_no_list_of_nothing() -> None:
    """A viewer may not list secrets; every secret would be missing."""
    reference = Reference(kind="Secret", name="db", via="env X of app")
    seen = _seen(workloads=[_web(ready=2, references=(reference,))])

    assert analyze(seen.model_copy(update={"counts": {}, "missing": {"secrets": "no"}})) == []


def test_a_probe_on_a_port_that_the_container_lacks_is_wrong() -> None:
    """The program works; only its probe asks elsewhere."""
    box = APP.model_copy(update={"probes": {"readiness": "http-get :9090/healthz period=5s"}})
    told = 'Readiness probe failed: Get "http://10.1.0.7:9090/healthz": dial tcp 10.1.0.7:9090: connection refused'
    seen = _seen(
        workloads=[_web(containers=(box,))],
        pods=[_pod(state=ContainerState(name="app", state="running"))],
        events=[_warning("Unhealthy", told)],
    )

    assert "port 9090" in _says(seen, Cause.PROBE_WRONG, "Deployment web").message


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("0/3 nodes are available: 3 Insufficient nvidia.com/gpu.", Cause.UNSCHEDULABLE),
        ("0/3 nodes are available: 3 node(s) had untolerated taint {gpu: true}.", Cause.UNSCHEDULABLE),
        ("0/3 nodes are available: 3 Insufficient memory, 1 Insufficient cpu.", Cause.CAPACITY_SHORT),
    ],
)
def test_why_no_node_takes_a_pod_is_told_apart(message: str, cause: Cause) -> None:
    """Asking for what no node is differs from asking for more than is left."""
    pod = _pod(phase="Pending", reason="Unschedulable", message=message)

    _says(_seen(workloads=[_web()], pods=[pod], services=[_service()]), cause, "Deployment web")


@pytest.mark.parametrize(
    ("claim", "classes", "cause"),
    [
        (Claim(name="data", phase="Pending", storage_class="fast"), ["standard"], Cause.STORAGE_CLASS_MISSING),
        (Claim(name="data", phase="Pending"), ["standard"], Cause.STORAGE_CLASS_MISSING),
        (Claim(name="data", phase="Lost", volume="pv-7"), ["standard"], Cause.VOLUME_MISSING),
    ],
)
def test_a_claim_without_a_volume_is_raised_to_who_mounts_it(claim: Claim, classes: list[str], cause: Cause) -> None:
    """Nobody looks for the claim; they look for the workload that does not start."""
    mounts = Reference(kind="PersistentVolumeClaim", name="data", via="volume data")
    seen = _seen(
        workloads=[_web(references=(mounts,))],
        pods=[
            _pod(phase="Pending", reason="Unschedulable", message="pod has unbound immediate PersistentVolumeClaims")
        ],
        pvcs=[claim],
        storage_classes=[StorageClass(name=name) for name in classes],
    )

    _says(seen, cause, "Deployment web")


def test_a_service_that_selects_other_labels_is_found() -> None:
    """The pods are well, and nobody reaches them."""
    seen = _seen(
        workloads=[_web(ready=2)],
        services=[_service(selector={"app": "webb"})],
        endpoints=[Endpoints(service="web")],
    )

    _says(seen, Cause.SELECTOR_MISMATCH, "Service web")


def test_a_service_that_sends_to_a_port_that_nobody_has_is_found() -> None:
    """Endpoints exist and are ready, and every call is refused."""
    seen = _seen(
        workloads=[_web(ready=2)], services=[_service(target="9999")], endpoints=[Endpoints(service="web", ready=2)]
    )

    _says(seen, Cause.PORT_MISMATCH, "Service web")


def test_a_workload_scaled_to_zero_is_the_cause_of_its_empty_service() -> None:
    """Nothing fails; there is nothing."""
    seen = _seen(workloads=[_web(desired=0)], services=[_service()], endpoints=[Endpoints(service="web")])

    first = _says(seen, Cause.SCALED_TO_ZERO, "Deployment web")

    assert first.remedies[0].call is not None
    assert first.remedies[0].call.tool == "scale_deployment"


def test_an_ingress_to_a_service_that_does_not_exist_is_found() -> None:
    """Its controller answers 503 and says nothing in the namespace."""
    backend = Backend(host="shop.example", path="/", service="wbe", port="80")
    seen = _seen(
        workloads=[_web(ready=2)],
        services=[_service()],
        endpoints=[Endpoints(service="web", ready=2)],
        ingresses=[Ingress(name="front", backends=(backend,))],
    )

    _says(seen, Cause.INGRESS_BACKEND_MISSING, "Ingress front")


def test_an_autoscaler_without_requests_points_at_its_target() -> None:
    """It cannot compute a share of nothing."""
    told = "failed to get cpu utilization: missing request for cpu in container app of Pod web-1"
    scaler = Autoscaler(
        name="web",
        target="Deployment web",
        max=9,
        metrics=("cpu unknown of 80%",),
        conditions=(Condition(type="ScalingActive", status="False", reason="FailedGetResourceMetric", message=told),),
    )

    _says(_seen(workloads=[_web(ready=2)], autoscalers=[scaler]), Cause.MISSING_REQUESTS, "Deployment web")


def test_an_autoscaler_at_its_bound_is_found_only_while_it_wants_more() -> None:
    """Running at the maximum is no fault in itself."""
    busy = Autoscaler(name="web", target="Deployment web", max=5, current=5, desired=5, metrics=("cpu 95% of 70%",))
    calm = busy.model_copy(update={"metrics": ("cpu 40% of 70%",)})

    _says(_seen(workloads=[_web(ready=2)], autoscalers=[busy]), Cause.AUTOSCALER_LIMIT, "Deployment web")
    assert analyze(_seen(workloads=[_web(ready=2)], autoscalers=[calm])) == []


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        (
            'pods "web-1" is forbidden: exceeded quota: team, requested: cpu=1, used: cpu=4, limited: cpu=4',
            "QuotaExceeded",
        ),
        (
            'pods "web-1" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true',
            "AdmissionDenied",
        ),
        ('admission webhook "policy.example" denied the request: no latest tags', "AdmissionDenied"),
        ('pods "web-1" is forbidden: error looking up service account shop/x: serviceaccount "x" not found', None),
    ],
)
def test_pods_that_are_refused_before_they_exist_are_found(message: str, cause: str | None) -> None:
    """There is no pod to look at; only the ReplicaSet says why."""
    event = _warning("FailedCreate", message, about="ReplicaSet web-7d")
    quotas = [Quota(name="team", hard={"cpu": "4"}, used={"cpu": "4"})]

    expected = Cause(cause) if cause else Cause.MISSING_SERVICE_ACCOUNT
    _says(_seen(workloads=[_web()], events=[event], quotas=quotas), expected, "Deployment web")


def test_names_that_cannot_be_resolved_are_blamed_on_the_policy_that_blocks_them() -> None:
    """The log alone could mean a broken resolver; the policy alone could be meant."""
    policy = NetworkPolicy(name="default-deny-egress", types=("Egress",))
    log = _log("error: dial tcp: lookup payments on 10.96.0.10:53: i/o timeout")
    alone = _seen(workloads=[_web()], pods=[_pod(state=_crash())], logs=[log])

    _says(alone.model_copy(update={"network_policies": (policy,)}), Cause.DNS_BLOCKED, "Deployment web")
    assert _first(alone).cause is not Cause.DNS_BLOCKED
    open_policy = policy.model_copy(update={"egress": ("to anywhere on 53/UDP, 53/TCP",)})
    assert _first(alone.model_copy(update={"network_policies": (open_policy,)})).cause is not Cause.DNS_BLOCKED


def test_a_service_behind_a_closed_policy_is_not_called_down() -> None:
    """The other side is well; it is only not let through to."""
    policy = NetworkPolicy(
        name="only-front", selector={"app": "db"}, types=("Ingress",), ingress=("from pods app=front on any port",)
    )
    seen = _seen(
        workloads=[_web(), _web("db", ready=2)],
        pods=[_pod(state=_crash())],
        services=[_service("db")],
        endpoints=[Endpoints(service="db", ready=2)],
        network_policies=[policy],
        logs=[_log("error: connect to db:5432: connection timed out")],
    )

    _says(seen, Cause.NETWORK_POLICY_BLOCKS, "Deployment web")


def test_a_chain_of_failures_is_followed_to_its_end() -> None:
    """Payment fails because auth fails because redis is gone: redis is what is down."""
    gone = Service(
        name="redis", type="ClusterIP", selector={"app": "redis"}, ports=(ServicePort(port=6379, target="6379"),)
    )
    seen = _seen(
        workloads=[_web("payment"), _web("auth"), _web("redis", containers=(Container(name="redis"),))],
        services=[_service("payment"), _service("auth"), gone],
        endpoints=[Endpoints(service=name) for name in ("payment", "auth", "redis")],
        logs=[
            _log("error: POST http://auth.shop.svc/token: 503 service unavailable", "payment"),
            _log("error: connect to redis:6379: connection refused", "auth"),
        ],
    )

    _says(seen.model_copy(update={"workload": "payment"}), Cause.DEPENDENCY_DOWN, "Deployment redis")


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("WARN connection pool 100/100 in use, 42 waiting", Cause.POOL_EXHAUSTED),
        ("sqlalchemy.exc.TimeoutError: QueuePool limit of size 5 overflow 10 reached", Cause.POOL_EXHAUSTED),
        ("FATAL: remaining connection slots are reserved for superusers", Cause.POOL_EXHAUSTED),
        ("write /data/wal: no space left on device", Cause.DISK_FULL),
        ("x509: certificate has expired or is not yet valid", Cause.CERTIFICATE_EXPIRED),
        (
            'pods is forbidden: User "system:serviceaccount:shop:default" cannot list resource "pods" in API group ""',
            Cause.RBAC_DENIED,
        ),
    ],
)
def test_what_only_the_log_knows_is_read_there(line: str, cause: Cause) -> None:
    """The pods may be ready all the while; words are proposed, never a call made of log text."""
    first = _says(_seen(workloads=[_web(ready=2)], logs=[_log(f"ok\n{line}\nok")]), cause, "Deployment web")

    assert all(one.call is None for one in first.remedies)


@pytest.mark.parametrize("line", ["pool 3/100 in use", "request took 100/100 ms", "GET /pool/10 200"])
def test_a_pool_with_room_is_no_finding(line: str) -> None:
    """Numbers with a slash are everywhere."""
    assert analyze(_seen(workloads=[_web(ready=2)], logs=[_log(line)])) == []


def test_a_node_that_is_not_ready_is_found() -> None:
    """Its pods look well until they are evicted."""
    lost = Condition(
        type="Ready", status="Unknown", reason="NodeStatusUnknown", message="Kubelet stopped posting node status."
    )
    nodes = [Node(name="node-1", ready=True), Node(name="node-2", ready=False, conditions=(lost,))]

    _says(
        _seen(workloads=[_web(ready=2)], pods=[_pod(ready=True, node="node-2")], nodes=nodes),
        Cause.NODE_NOT_READY,
        "Node node-2",
    )


def test_a_job_that_gave_up_is_told_with_the_reason_beneath_where_there_is_one() -> None:
    """`BackoffLimitExceeded` says that, not why."""
    gave_up = Condition(
        type="Failed", status="True", reason="BackoffLimitExceeded", message="Job has reached the backoff limit"
    )
    job = Workload(kind="Job", name="import", containers=(APP,), conditions=(gave_up,), failed=7)
    oom = ContainerState(name="app", state="terminated", reason="OOMKilled", exit_code=137)
    pod = Pod(name="import-1", owner="Job import", phase="Failed", containers=(oom,))

    _says(_seen(workloads=[job]), Cause.JOB_FAILED, "Job import")
    _says(_seen(workloads=[job], pods=[pod]), Cause.OOM_KILLED, "Job import")


def test_a_budget_that_never_lets_a_pod_go_is_a_small_finding() -> None:
    """It hurts at the next upgrade of the nodes, not before."""
    budget = Budget(name="web", selector={"app": "web"}, min_available="2", allowed=0, healthy=2, expected=2)

    _says(_seen(workloads=[_web(ready=2)], budgets=[budget]), Cause.DISRUPTION_BLOCKED, "Deployment web")


def test_complaints_after_a_release_speak_against_it_only_while_those_before_are_on_record() -> None:
    """Events are kept for an hour: of an older release nobody knows how it was before."""

    def seen(ago: timedelta, began: timedelta) -> Snapshot:
        change = "containers[app].image: web:1 -> web:2"
        sets = [
            ReplicaSet(name="web-2", deployment="web", revision=2, created_at=NOW - ago, changes=(change,)),
            ReplicaSet(name="web-1", deployment="web", revision=1, containers=(APP,)),
        ]
        slow = _warning("Unhealthy", "Readiness probe failed: timeout", count=9, first_at=NOW - began, last_at=NOW)
        return _seen(workloads=[_web(ready=2)], replica_sets=sets, events=[slow])

    minutes = timedelta(minutes=1)
    assert analyze(seen(2 * minutes, minutes)) == []  # still starting
    _says(seen(20 * minutes, 19 * minutes), Cause.VERSION_REGRESSION, "Deployment web")
    assert analyze(seen(20 * minutes, 40 * minutes)) == []
    assert analyze(seen(90 * minutes, 50 * minutes)) == []


def test_a_cause_comes_before_its_symptoms_and_the_question_before_the_rest() -> None:
    """A stuck rollout and an empty service are what one sees; another workload's trouble is not what was asked."""
    stuck = Condition(
        type="Progressing",
        status="False",
        reason="ProgressDeadlineExceeded",
        message='ReplicaSet "web-1" has timed out',
    )
    seen = _seen(
        workloads=[_web(conditions=(stuck,)), _web("other")],
        pods=[_pod(state=_crash(last_reason="OOMKilled", last_exit_code=137)), _pod("other", state=_crash())],
        services=[_service()],
        endpoints=[Endpoints(service="web", not_ready=1)],
        logs=[_log("error: boom", "other")],
    )

    about_other = analyze(seen.model_copy(update={"workload": "other"}))
    about_web = analyze(seen.model_copy(update={"workload": "web"}))

    assert (about_other[0].root.name, about_web[0].cause) == ("other", Cause.OOM_KILLED)
    symptoms = [one.cause.symptom for one in about_web]
    assert symptoms == sorted(symptoms)


@given(st.text(max_size=200), st.text(max_size=200))
def test_no_text_of_a_workload_breaks_the_analyzers_or_becomes_an_argument(log: str, message: str) -> None:
    """Logs and messages are anybody's text; whatever it is, proposals are made of the cluster's own objects."""
    state = _crash(last_message=message, message=message)
    seen = _seen(workloads=[_web()], pods=[_pod(state=state)], logs=[_log(log)], events=[_warning("Failed", message)])

    for finding in analyze(seen):
        assert all(one.call is None for one in finding.remedies)


def test_a_crash_of_yesterday_is_no_finding_today() -> None:
    """Restart counts stay for the life of a pod; what is well is well."""
    old = _crash(
        state="running", reason="", ready=True, last_reason="OOMKilled", last_finished_at=NOW - timedelta(days=1)
    )
    fresh = old.model_copy(update={"last_finished_at": NOW - timedelta(minutes=5)})

    assert analyze(_seen(workloads=[_web(ready=2)], pods=[_pod(ready=True, state=old)])) == []
    _says(_seen(workloads=[_web(ready=2)], pods=[_pod(ready=True, state=fresh)]), Cause.OOM_KILLED, "Deployment web")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("error: Get http://db.shop.svc.cluster.local:5432/: connection refused", True),
        ("error: postgres://user@db/orders: connection refused", True),
        ("dial tcp: lookup db on 10.96.0.10:53: no such host", True),
        ("could not connect to db", True),
        ("error: db migration timed out", False),
        ("error: connect to other-db:5432: connection refused", False),
        ("error: connect to db.example.com: connection refused", False),
    ],
)
def test_a_service_is_meant_only_where_its_name_stands_for_a_host(line: str, *, found: bool) -> None:
    """Services are called `db`, `api` and `web`; so are many other things in a log."""
    seen = _seen(
        workloads=[_web(), _web("db", containers=(Container(name="db"),))],
        services=[_service("db")],
        endpoints=[Endpoints(service="db")],
        logs=[_log(line)],
    )

    assert (Cause.DEPENDENCY_DOWN in {one.cause for one in analyze(seen)}) is found
