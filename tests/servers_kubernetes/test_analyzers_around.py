"""The analyzers on what stands around containers: nodes, volumes, services, policies, other workloads."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codenb.models import Cause
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
    Ingress,
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
from tests.servers_kubernetes import states


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
    pod = states.pod(phase="Pending", reason="Unschedulable", message=message)

    states.says(
        states.seen_as(workloads=[states.web()], pods=[pod], services=[states.service()]), cause, "Deployment web"
    )


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
    seen = states.seen_as(
        workloads=[states.web(references=(mounts,))],
        pods=[
            states.pod(
                phase="Pending", reason="Unschedulable", message="pod has unbound immediate PersistentVolumeClaims"
            )
        ],
        pvcs=[claim],
        storage_classes=[StorageClass(name=name) for name in classes],
    )

    states.says(seen, cause, "Deployment web")


def test_a_service_that_selects_other_labels_is_found() -> None:
    """The pods are well, and nobody reaches them."""
    seen = states.seen_as(
        workloads=[states.web(ready=2)],
        services=[states.service(selector={"app": "webb"})],
        endpoints=[Endpoints(service="web")],
    )

    states.says(seen, Cause.SELECTOR_MISMATCH, "Service web")


def test_a_service_that_sends_to_a_port_that_nobody_has_is_found() -> None:
    """Endpoints exist and are ready, and every call is refused."""
    seen = states.seen_as(
        workloads=[states.web(ready=2)],
        services=[states.service(target="9999")],
        endpoints=[Endpoints(service="web", ready=2)],
    )

    states.says(seen, Cause.PORT_MISMATCH, "Service web")


def test_a_workload_scaled_to_zero_is_the_cause_of_its_empty_service() -> None:
    """Nothing fails; there is nothing."""
    seen = states.seen_as(
        workloads=[states.web(desired=0)], services=[states.service()], endpoints=[Endpoints(service="web")]
    )

    first = states.says(seen, Cause.SCALED_TO_ZERO, "Deployment web")

    assert first.remedies[0].call is not None
    assert first.remedies[0].call.tool == "scale_deployment"


def test_what_was_scaled_to_zero_is_scaled_to_what_it_had() -> None:
    """Its controller says how many there were; one replica in place of three would be another outage."""
    said = states.warning(
        "ScalingReplicaSet", "Scaled down replica set web-1 from 3 to 0", about="Deployment web", owner=""
    )
    seen = states.seen_as(
        workloads=[states.web(desired=0)],
        services=[states.service()],
        endpoints=[Endpoints(service="web")],
        events=[said],
    )

    first = states.says(seen, Cause.SCALED_TO_ZERO, "Deployment web")

    assert first.remedies[0].call is not None
    assert first.remedies[0].call.arguments["replicas"] == 3


def test_a_quota_that_holds_a_rollout_back_is_seen_behind_the_pods_that_still_serve() -> None:
    """All replicas of the revision before are ready, so that nothing seemed to be lacking."""
    line = "containers[app].resources.requests.cpu: 200m -> 900m"
    sets = [
        ReplicaSet(name="web-2", deployment="web", revision=2, changes=(line,)),
        ReplicaSet(name="web-1", deployment="web", revision=1, containers=(states.APP,)),
    ]
    refused = states.warning(
        "FailedCreate", 'pods "web-2-a" is forbidden: exceeded quota: team, requested: cpu=900m', "ReplicaSet web-2"
    )
    seen = states.seen_as(workloads=[states.web(ready=2, updated=0)], replica_sets=sets, events=[refused])

    first = states.says(seen, Cause.QUOTA_EXCEEDED, "Deployment web")

    assert [one.call.tool for one in first.remedies if one.call] == ["undo_rollout"]


def test_an_ingress_to_a_service_that_does_not_exist_is_found() -> None:
    """Its controller answers 503 and says nothing in the namespace."""
    backend = Backend(host="shop.example", path="/", service="wbe", port="80")
    seen = states.seen_as(
        workloads=[states.web(ready=2)],
        services=[states.service()],
        endpoints=[Endpoints(service="web", ready=2)],
        ingresses=[Ingress(name="front", backends=(backend,))],
    )

    states.says(seen, Cause.INGRESS_BACKEND_MISSING, "Ingress front")


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

    states.says(
        states.seen_as(workloads=[states.web(ready=2)], autoscalers=[scaler]), Cause.MISSING_REQUESTS, "Deployment web"
    )


def test_an_autoscaler_at_its_bound_is_found_only_while_it_wants_more() -> None:
    """Running at the maximum is no fault in itself."""
    busy = Autoscaler(name="web", target="Deployment web", max=5, current=5, desired=5, metrics=("cpu 95% of 70%",))
    calm = busy.model_copy(update={"metrics": ("cpu 40% of 70%",)})

    states.says(
        states.seen_as(workloads=[states.web(ready=2)], autoscalers=[busy]), Cause.AUTOSCALER_LIMIT, "Deployment web"
    )
    assert analyze(states.seen_as(workloads=[states.web(ready=2)], autoscalers=[calm])) == []


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
    event = states.warning("FailedCreate", message, about="ReplicaSet web-7d")
    quotas = [Quota(name="team", hard={"cpu": "4"}, used={"cpu": "4"})]

    expected = Cause(cause) if cause else Cause.MISSING_SERVICE_ACCOUNT
    states.says(states.seen_as(workloads=[states.web()], events=[event], quotas=quotas), expected, "Deployment web")


def test_names_that_cannot_be_resolved_are_blamed_on_the_policy_that_blocks_them() -> None:
    """The log alone could mean a broken resolver; the policy alone could be meant."""
    policy = NetworkPolicy(name="default-deny-egress", types=("Egress",))
    log = states.log("error: dial tcp: lookup payments on 10.96.0.10:53: i/o timeout")
    alone = states.seen_as(workloads=[states.web()], pods=[states.pod(state=states.crash())], logs=[log])

    states.says(alone.model_copy(update={"network_policies": (policy,)}), Cause.DNS_BLOCKED, "Deployment web")
    assert states.first_of(alone).cause is not Cause.DNS_BLOCKED
    open_policy = policy.model_copy(update={"egress": ("to anywhere on 53/UDP, 53/TCP",)})
    assert states.first_of(alone.model_copy(update={"network_policies": (open_policy,)})).cause is not Cause.DNS_BLOCKED


def test_a_service_behind_a_closed_policy_is_not_called_down() -> None:
    """The other side is well; it is only not let through to."""
    policy = NetworkPolicy(
        name="only-front", selector={"app": "db"}, types=("Ingress",), ingress=("from pods app=front on any port",)
    )
    seen = states.seen_as(
        workloads=[states.web(), states.web("db", ready=2)],
        pods=[states.pod(state=states.crash())],
        services=[states.service("db")],
        endpoints=[Endpoints(service="db", ready=2)],
        network_policies=[policy],
        logs=[states.log("error: connect to db:5432: connection timed out")],
    )

    states.says(seen, Cause.NETWORK_POLICY_BLOCKS, "Deployment web")


def test_a_chain_of_failures_is_followed_to_its_end() -> None:
    """Payment fails because auth fails because redis is gone: redis is what is down."""
    gone = Service(
        name="redis", type="ClusterIP", selector={"app": "redis"}, ports=(ServicePort(port=6379, target="6379"),)
    )
    seen = states.seen_as(
        workloads=[
            states.web("payment"),
            states.web("auth"),
            states.web("redis", containers=(Container(name="redis"),)),
        ],
        services=[states.service("payment"), states.service("auth"), gone],
        endpoints=[Endpoints(service=name) for name in ("payment", "auth", "redis")],
        logs=[
            states.log("error: POST http://auth.shop.svc/token: 503 service unavailable", "payment"),
            states.log("error: connect to redis:6379: connection refused", "auth"),
        ],
    )

    states.says(seen.model_copy(update={"workload": "payment"}), Cause.DEPENDENCY_DOWN, "Deployment redis")


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
    first = states.says(
        states.seen_as(workloads=[states.web(ready=2)], logs=[states.log(f"ok\n{line}\nok")]), cause, "Deployment web"
    )

    assert all(one.call is None for one in first.remedies)


@pytest.mark.parametrize("line", ["pool 3/100 in use", "request took 100/100 ms", "GET /pool/10 200"])
def test_a_pool_with_room_is_no_finding(line: str) -> None:
    """Numbers with a slash are everywhere."""
    assert analyze(states.seen_as(workloads=[states.web(ready=2)], logs=[states.log(line)])) == []


def test_a_node_that_is_not_ready_is_found() -> None:
    """Its pods look well until they are evicted."""
    lost = Condition(
        type="Ready", status="Unknown", reason="NodeStatusUnknown", message="Kubelet stopped posting node status."
    )
    nodes = [Node(name="node-1", ready=True), Node(name="node-2", ready=False, conditions=(lost,))]

    states.says(
        states.seen_as(workloads=[states.web(ready=2)], pods=[states.pod(ready=True, node="node-2")], nodes=nodes),
        Cause.NODE_NOT_READY,
        "Node node-2",
    )


def test_a_job_that_gave_up_is_told_with_the_reason_beneath_where_there_is_one() -> None:
    """`BackoffLimitExceeded` says that, not why."""
    gave_up = Condition(
        type="Failed", status="True", reason="BackoffLimitExceeded", message="Job has reached the backoff limit"
    )
    job = Workload(kind="Job", name="import", containers=(states.APP,), conditions=(gave_up,), failed=7)
    oom = ContainerState(name="app", state="terminated", reason="OOMKilled", exit_code=137)
    pod = Pod(name="import-1", owner="Job import", phase="Failed", containers=(oom,))

    states.says(states.seen_as(workloads=[job]), Cause.JOB_FAILED, "Job import")
    states.says(states.seen_as(workloads=[job], pods=[pod]), Cause.OOM_KILLED, "Job import")


def test_a_budget_that_never_lets_a_pod_go_is_a_small_finding() -> None:
    """It hurts at the next upgrade of the nodes, not before."""
    budget = Budget(name="web", selector={"app": "web"}, min_available="2", allowed=0, healthy=2, expected=2)

    states.says(
        states.seen_as(workloads=[states.web(ready=2)], budgets=[budget]), Cause.DISRUPTION_BLOCKED, "Deployment web"
    )


def test_complaints_after_a_release_speak_against_it_only_while_those_before_are_on_record() -> None:
    """Events are kept for an hour: of an older release nobody knows how it was before."""

    def seen(ago: timedelta, began: timedelta) -> Snapshot:
        change = "containers[app].image: web:1 -> web:2"
        sets = [
            ReplicaSet(name="web-2", deployment="web", revision=2, created_at=states.NOW - ago, changes=(change,)),
            ReplicaSet(name="web-1", deployment="web", revision=1, containers=(states.APP,)),
        ]
        slow = states.warning(
            "Unhealthy", "Readiness probe failed: timeout", count=9, first_at=states.NOW - began, last_at=states.NOW
        )
        return states.seen_as(workloads=[states.web(ready=2)], replica_sets=sets, events=[slow])

    minutes = timedelta(minutes=1)
    assert analyze(seen(2 * minutes, minutes)) == []  # still starting
    states.says(seen(20 * minutes, 19 * minutes), Cause.VERSION_REGRESSION, "Deployment web")
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
    seen = states.seen_as(
        workloads=[states.web(conditions=(stuck,)), states.web("other")],
        pods=[
            states.pod(state=states.crash(last_reason="OOMKilled", last_exit_code=137)),
            states.pod("other", state=states.crash()),
        ],
        services=[states.service()],
        endpoints=[Endpoints(service="web", not_ready=1)],
        logs=[states.log("error: boom", "other")],
    )

    about_other = analyze(seen.model_copy(update={"workload": "other"}))
    about_web = analyze(seen.model_copy(update={"workload": "web"}))

    assert (about_other[0].root.name, about_web[0].cause) == ("other", Cause.OOM_KILLED)
    symptoms = [one.cause.symptom for one in about_web]
    assert symptoms == sorted(symptoms)


@given(st.text(max_size=200), st.text(max_size=200))
def test_no_text_of_a_workload_breaks_the_analyzers_or_becomes_an_argument(log: str, message: str) -> None:
    """Logs and messages are anybody's text; whatever it is, proposals are made of the cluster's own objects."""
    state = states.crash(last_message=message, message=message)
    seen = states.seen_as(
        workloads=[states.web()],
        pods=[states.pod(state=state)],
        logs=[states.log(log)],
        events=[states.warning("Failed", message)],
    )

    for finding in analyze(seen):
        assert all(one.call is None for one in finding.remedies)


def test_a_crash_of_yesterday_is_no_finding_today() -> None:
    """Restart counts stay for the life of a pod; what is well is well."""
    old = states.crash(
        state="running", reason="", ready=True, last_reason="OOMKilled", last_finished_at=states.NOW - timedelta(days=1)
    )
    fresh = old.model_copy(update={"last_finished_at": states.NOW - timedelta(minutes=5)})

    assert analyze(states.seen_as(workloads=[states.web(ready=2)], pods=[states.pod(ready=True, state=old)])) == []
    states.says(
        states.seen_as(workloads=[states.web(ready=2)], pods=[states.pod(ready=True, state=fresh)]),
        Cause.OOM_KILLED,
        "Deployment web",
    )


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
    seen = states.seen_as(
        workloads=[states.web(), states.web("db", containers=(Container(name="db"),))],
        services=[states.service("db")],
        endpoints=[Endpoints(service="db")],
        logs=[states.log(line)],
    )

    assert (Cause.DEPENDENCY_DOWN in {one.cause for one in analyze(seen)}) is found
