"""The loops: rollouts, endpoints, volumes, scheduling, quotas, garbage."""

from __future__ import annotations

import pytest

JSON_PATCH = "application/json-patch+json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
SHOP = "/api/v1/namespaces/shop"
APPS = "/apis/apps/v1/namespaces/shop"
CHECKOUT = f"{APPS}/deployments/checkout"


def image(name):
    return {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": name}]}}}}


def condition(obj, type_):
    return next(item for item in obj["status"]["conditions"] if item["type"] == type_)


def pods_of(http_, app):
    return http_("GET", f"{SHOP}/pods?labelSelector=app%3D{app}")[1]["items"]


def events(http_, name, reason):
    selector = f"involvedObject.name%3D{name},reason%3D{reason}"
    return http_("GET", f"{SHOP}/events?fieldSelector={selector}")[1]["items"]


def replica_sets(http_, app="checkout"):
    found = http_("GET", f"{APPS}/replicasets?labelSelector=app%3D{app}")[1]["items"]
    return {int(item["metadata"]["annotations"]["deployment.kubernetes.io/revision"]): item for item in found}


def test_a_new_deployment_becomes_available(world, http_, manifest):
    """Deployment to ReplicaSet to Pods, with the conditions in the real words."""
    http_("POST", f"{APPS}/deployments", manifest("web", 3))
    _, begun = http_("GET", f"{APPS}/deployments/web")
    assert condition(begun, "Available")["reason"] == "MinimumReplicasUnavailable"
    world.advance(2)
    _, done = http_("GET", f"{APPS}/deployments/web")
    assert (done["status"]["replicas"], done["status"]["availableReplicas"]) == (3, 3)
    assert done["status"]["observedGeneration"] == done["metadata"]["generation"]
    assert done["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "1"
    (rs,) = replica_sets(http_, "web").values()
    name = rs["metadata"]["name"]
    assert condition(done, "Progressing")["message"] == f'ReplicaSet "{name}" has successfully progressed.'
    (scaled,) = events(http_, "web", "ScalingReplicaSet")
    assert scaled["message"] == f"Scaled up replica set {name} from 0 to 3"


def test_a_rolling_update_stays_within_its_surge_and_its_availability(world, http_):
    """With 3 replicas and 25 %: never more than 4 pods, never fewer than 3 ready."""
    http_("PATCH", CHECKOUT, image("registry.example/shop/checkout:2.4.0"), kind=STRATEGIC)
    seen = []
    for _ in range(60):
        world.advance(0.1)
        status = http_("GET", CHECKOUT)[1]["status"]
        seen.append((status["replicas"], status["availableReplicas"], status.get("updatedReplicas", 0)))
    assert max(total for total, _, _ in seen) == 4
    assert min(available for _, available, _ in seen) == 3
    assert seen[-1] == (3, 3, 3)
    assert {1, 2, 3} <= {updated for _, _, updated in seen}


def test_undoing_uses_the_old_replica_set_again_and_gives_it_a_new_revision(world, http_):
    """As `kubectl rollout undo` does it: the template of the old revision is put back."""
    http_("PATCH", CHECKOUT, image("registry.example/shop/checkout:2.4.0"), kind=STRATEGIC)
    world.advance(10)
    before = replica_sets(http_)
    template = before[1]["spec"]["template"]
    del template["metadata"]["labels"]["pod-template-hash"]
    http_("PATCH", CHECKOUT, [{"op": "replace", "path": "/spec/template", "value": template}], kind=JSON_PATCH)
    world.advance(10)
    after = replica_sets(http_)
    assert set(after) == {2, 3}
    assert after[3]["metadata"]["uid"] == before[1]["metadata"]["uid"]
    assert (after[3]["status"]["readyReplicas"], after[2]["status"]["replicas"]) == (3, 0)


def test_a_bad_rollout_stalls_and_then_exceeds_its_deadline(world, http_):
    """The old pods keep serving; the condition turns when the deadline has passed, not before."""
    http_("PATCH", CHECKOUT, image("registry.example/shop/checkout:9.9.9"), kind=STRATEGIC)
    world.advance(590)
    _, stalled = http_("GET", CHECKOUT)
    assert (stalled["status"]["availableReplicas"], stalled["status"]["unavailableReplicas"]) == (3, 1)
    assert condition(stalled, "Progressing")["reason"] == "ReplicaSetUpdated"
    world.advance(20)
    progressing = condition(http_("GET", CHECKOUT)[1], "Progressing")
    assert (progressing["status"], progressing["reason"]) == ("False", "ProgressDeadlineExceeded")
    assert progressing["message"].endswith("has timed out progressing.")


def test_a_restart_replaces_every_pod(world, http_):
    """`kubectl rollout restart` is an annotation on the template."""
    before = {pod["metadata"]["uid"] for pod in pods_of(http_, "checkout")}
    note = {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "2030-01-01T00:00:00Z"}}}
    http_("PATCH", CHECKOUT, {"spec": {"template": note}}, kind=STRATEGIC)
    world.advance(10)
    after = pods_of(http_, "checkout")
    assert not before & {pod["metadata"]["uid"] for pod in after}
    assert len(after) == 3


def test_a_paused_deployment_does_not_roll(world, http_):
    """What is paused is scaled and not rolled, until it is resumed."""
    http_("PATCH", CHECKOUT, {"spec": {"paused": True, "replicas": 4}}, kind=MERGE)
    http_("PATCH", CHECKOUT, image("registry.example/shop/checkout:2.4.0"), kind=STRATEGIC)
    world.advance(5)
    assert set(replica_sets(http_)) == {1}
    http_("PATCH", CHECKOUT, {"spec": {"paused": False}}, kind=MERGE)
    world.advance(10)
    assert replica_sets(http_)[2]["status"]["readyReplicas"] == 4


def test_recreate_ends_the_old_pods_before_it_starts_new_ones(world, http_):
    """Never two versions at a time."""
    http_("PATCH", CHECKOUT, {"spec": {"strategy": {"type": "Recreate", "rollingUpdate": None}}}, kind=MERGE)
    http_("PATCH", CHECKOUT, image("registry.example/shop/checkout:2.4.0"), kind=STRATEGIC)
    images = []
    for _ in range(30):
        images.append({pod["spec"]["containers"][0]["image"] for pod in pods_of(http_, "checkout")})
        world.advance(0.1)
    assert all(len(found) <= 1 for found in images)
    assert images[-1] == {"registry.example/shop/checkout:2.4.0"}


def test_old_revisions_are_kept_up_to_the_limit(world, http_):
    """What is no longer kept cannot be undone to."""
    http_("PATCH", CHECKOUT, {"spec": {"revisionHistoryLimit": 1}}, kind=MERGE)
    for number in range(3):
        variable = [{"name": "ROUND", "value": str(number)}]
        patch = {"spec": {"template": {"spec": {"containers": [{"name": "app", "env": variable}]}}}}
        http_("PATCH", CHECKOUT, patch, kind=STRATEGIC)
        world.advance(10)
    assert set(replica_sets(http_)) == {3, 4}


@pytest.mark.parametrize(("replicas", "ready"), [(6, 6), (1, 1), (0, 0)])
def test_scaling_reaches_the_wanted_number(world, http_, replicas, ready):
    """Up, down and to nothing; the service follows."""
    http_("PATCH", f"{CHECKOUT}/scale", {"spec": {"replicas": replicas}}, kind=MERGE)
    world.advance(5)
    assert http_("GET", CHECKOUT)[1]["status"].get("readyReplicas", 0) == ready
    assert http_("GET", f"{CHECKOUT}/scale")[1]["status"] == {"replicas": replicas, "selector": "app=checkout"}
    subsets = http_("GET", f"{SHOP}/endpoints/checkout")[1]["subsets"]
    assert sum(len(subset["addresses"]) for subset in subsets) == ready
    slices = http_("GET", "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices")[1]["items"]
    (mine,) = [item for item in slices if item["metadata"]["labels"]["kubernetes.io/service-name"] == "checkout"]
    assert sum(item["conditions"]["ready"] for item in mine["endpoints"]) == ready


def test_a_deleted_pod_is_replaced_and_ends_gracefully(world, http_):
    """It is seen terminating before it is gone."""
    name = pods_of(http_, "checkout")[0]["metadata"]["name"]
    _, going = http_("DELETE", f"{SHOP}/pods/{name}")
    assert going["metadata"]["deletionTimestamp"]
    assert len(pods_of(http_, "checkout")) == 4
    world.advance(3)
    assert name not in [pod["metadata"]["name"] for pod in pods_of(http_, "checkout")]
    assert http_("GET", CHECKOUT)[1]["status"]["readyReplicas"] == 3


@pytest.mark.parametrize(("policy", "left"), [("Background", 0), ("Foreground", 0), ("Orphan", 3)])
def test_what_a_deployment_owns_goes_with_it_unless_it_is_orphaned(world, http_, policy, left):
    """Garbage collection by owner references."""
    status, answer = http_("DELETE", f"{CHECKOUT}?propagationPolicy={policy}")
    assert (status, answer["status"]) == (200, "Success")
    world.advance(5)
    assert http_("GET", CHECKOUT)[0] == 404
    assert len(pods_of(http_, "checkout")) == left
    assert len(replica_sets(http_)) == (1 if left else 0)


def test_a_deleted_namespace_takes_everything_with_it(world, http_):
    """Nothing is left that a later namespace of the same name would inherit."""
    http_("DELETE", "/api/v1/namespaces/shop")
    world.advance(5)
    assert http_("GET", f"{SHOP}/pods")[1]["items"] == []
    assert http_("GET", "/api/v1/namespaces/shop")[0] == 404


def test_a_quota_stops_pods_and_says_so(world, http_):
    """The refusal reaches the replica set's events, the deployment's conditions and a direct creation alike."""
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "team"}, "spec": {"hard": {"pods": "8"}}}
    http_("POST", f"{SHOP}/resourcequotas", quota)
    http_("PATCH", f"{CHECKOUT}/scale", {"spec": {"replicas": 6}}, kind=MERGE)
    world.advance(2)
    (rs,) = replica_sets(http_).values()
    (event,) = events(http_, rs["metadata"]["name"], "FailedCreate")
    assert "is forbidden: exceeded quota: team, requested: pods=1, used: pods=8, limited: pods=8" in event["message"]
    assert condition(http_("GET", CHECKOUT)[1], "ReplicaFailure")["reason"] == "FailedCreate"
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "extra"}}
    pod["spec"] = {"containers": [{"name": "c", "image": "x"}]}
    status, body = http_("POST", f"{SHOP}/pods", pod)
    assert (status, body["reason"]) == (403, "Forbidden")
    assert body["message"] == (
        'pods "extra" is forbidden: exceeded quota: team, requested: pods=1, used: pods=8, limited: pods=8'
    )
    assert http_("GET", f"{SHOP}/resourcequotas/team")[1]["status"] == {"hard": {"pods": "8"}, "used": {"pods": "8"}}


@pytest.mark.parametrize(
    ("pod", "message"),
    [
        (
            {"nodeSelector": {"pool": "gpu"}},
            (
                "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector. preemption: 0/3 nodes "
                "are available: 3 Preemption is not helpful for scheduling."
            ),
        ),
        (
            {"container": {"resources": {"requests": {"memory": "1Ti"}}}},
            (
                "0/3 nodes are available: 3 Insufficient memory. preemption: 0/3 nodes are available: 3 No preemption "
                "victims found for incoming pod."
            ),
        ),
    ],
)
def test_a_pod_that_fits_nowhere_is_pending_in_the_schedulers_words(world, http_, manifest, pod, message):
    """The message is all that a person or an expert has to go by."""
    http_("POST", f"{APPS}/deployments", manifest("web", 1, **pod))
    world.advance(2)
    (pending,) = pods_of(http_, "web")
    assert pending["status"]["phase"] == "Pending"
    assert condition(pending, "PodScheduled")["message"] == message
    (event,) = events(http_, pending["metadata"]["name"], "FailedScheduling")
    assert event["message"] == message


def test_the_schedulers_events_have_a_series_instead_of_counts_and_two_times(world, http_, manifest):
    """As the recording of a real server has it: who reads lastTimestamp alone sees nothing of a pod that waits."""
    http_("POST", f"{APPS}/deployments", manifest("web", 1, nodeSelector={"pool": "gpu"}))
    (pending,) = pods_of(http_, "web")
    (event,) = events(http_, pending["metadata"]["name"], "FailedScheduling")
    assert (event["source"], event["firstTimestamp"], event["lastTimestamp"]) == ({}, None, None)
    assert (event["reportingComponent"], event["action"]) == ("default-scheduler", "Scheduling")
    world.advance(310)
    (again,) = events(http_, pending["metadata"]["name"], "FailedScheduling")
    assert again["series"]["count"] == 2
    assert again["eventTime"] == event["eventTime"] < again["series"]["lastObservedTime"]


@pytest.mark.parametrize(
    ("probe", "refused"),
    [
        ({"httpGet": {"path": "/healthz", "port": 9090}}, 'Get "http://{ip}:9090/healthz": dial tcp {ip}:9090'),
        ({"tcpSocket": {"port": 9090}, "httpGet": None}, "dial tcp {ip}:9090"),
    ],
)
def test_a_probe_of_a_port_that_the_program_does_not_listen_on_is_refused(world, http_, probe, refused):
    """A wrong probe stalls a rollout although the program works; the right one lets it go on."""

    def probing(changed):
        container = {"name": "app", "readinessProbe": changed}
        return {"spec": {"template": {"spec": {"containers": [container]}}}}

    assert http_("PATCH", CHECKOUT, probing(probe), kind=STRATEGIC)[0] == 200
    world.advance(30)
    (pod,) = [pod for pod in pods_of(http_, "checkout") if not pod["status"]["containerStatuses"][0]["ready"]]
    assert "running" in pod["status"]["containerStatuses"][0]["state"]
    (event,) = events(http_, pod["metadata"]["name"], "Unhealthy")
    expected = refused.format(ip=pod["status"]["podIP"])
    assert event["message"] == f"Readiness probe failed: {expected}: connect: connection refused"
    assert event["count"] > 3
    http_(
        "PATCH", CHECKOUT, probing({"httpGet": {"path": "/healthz", "port": 8080}, "tcpSocket": None}), kind=STRATEGIC
    )
    world.advance(30)
    assert http_("GET", CHECKOUT)[1]["status"]["updatedReplicas"] == 3


def test_a_replica_set_that_is_in_the_way_does_not_stop_a_rollout(world, http_):
    """Its owner was changed by hand, its name is taken: the next one gets another hash."""
    (rs,) = replica_sets(http_).values()
    owner = {"metadata": {"ownerReferences": None}}
    http_("PATCH", f"{APPS}/replicasets/{rs['metadata']['name']}", owner, kind=MERGE)
    http_("PATCH", CHECKOUT, {"spec": {"replicas": 4}}, kind=MERGE)
    world.advance(5)
    assert len(http_("GET", f"{APPS}/replicasets?labelSelector=app%3Dcheckout")[1]["items"]) == 2
    assert http_("GET", CHECKOUT)[1]["status"]["readyReplicas"] == 4


def test_more_than_a_thousand_events_of_one_moment_have_names_of_their_own(world, http_):
    """Names of events came again after a thousand in one microsecond, and the world stood still."""
    http_("PATCH", f"{CHECKOUT}/scale", {"spec": {"replicas": 1100}}, kind=MERGE)
    (rs,) = replica_sets(http_).values()
    made = events(http_, rs["metadata"]["name"], "SuccessfulCreate")
    assert len({event["metadata"]["name"] for event in made}) == 1097


def test_a_claim_of_the_default_class_is_bound_and_its_pod_runs(world, http_, manifest):
    """The good case beside the scenario of the missing class."""
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}}
    claim["spec"] = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    http_("POST", f"{SHOP}/persistentvolumeclaims", claim)
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    http_("POST", f"{APPS}/deployments", manifest("web", 1, volumes=volumes))
    world.advance(5)
    bound = http_("GET", f"{SHOP}/persistentvolumeclaims/data")[1]
    assert (bound["spec"]["storageClassName"], bound["status"]["phase"]) == ("standard", "Bound")
    assert pods_of(http_, "web")[0]["status"]["phase"] == "Running"


def test_a_missing_config_map_keeps_a_container_from_starting_until_it_is_there(world, http_, manifest):
    """A rule over the world, not a mark on the pod: creating the map mends it."""
    source = [{"configMapRef": {"name": "later"}}]
    http_("POST", f"{APPS}/deployments", manifest("web", 1, container={"envFrom": source}))
    world.advance(3)
    waiting = pods_of(http_, "web")[0]["status"]["containerStatuses"][0]["state"]["waiting"]
    assert waiting == {"reason": "CreateContainerConfigError", "message": 'configmap "later" not found'}
    http_("POST", f"{SHOP}/configmaps", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "later"}})
    world.advance(20)
    assert http_("GET", f"{APPS}/deployments/web")[1]["status"]["readyReplicas"] == 1


def test_init_containers_run_before_the_others(world, http_, manifest):
    """A pod whose init container cannot start never reaches its main one."""
    init = [{"name": "prepare", "image": "nginx:1.28.0"}]
    http_("POST", f"{APPS}/deployments", manifest("web", 1, initContainers=init))
    world.advance(3)
    (pod,) = pods_of(http_, "web")
    assert pod["status"]["initContainerStatuses"][0]["state"]["terminated"]["reason"] == "Completed"
    assert pod["status"]["containerStatuses"][0]["ready"]


def test_events_are_counted_and_forgotten_after_an_hour(world, http_):
    """As with a real cluster: what is older than an hour is no longer there to be quoted."""
    http_("PATCH", CHECKOUT, image("registry.example/shop/checkout:9.9.9"), kind=STRATEGIC)
    world.advance(300)
    new = replica_sets(http_)[2]["metadata"]["name"]
    (pod,) = [item for item in pods_of(http_, "checkout") if item["metadata"]["name"].startswith(new)]
    (event,) = [
        item
        for item in events(http_, pod["metadata"]["name"], "Failed")
        if item["message"] == "Error: ImagePullBackOff"
    ]
    assert event["count"] > 5
    assert event["firstTimestamp"] < event["lastTimestamp"]
    assert events(http_, "checkout", "ScalingReplicaSet")
    world.advance(3700)
    assert not events(http_, "checkout", "ScalingReplicaSet")
