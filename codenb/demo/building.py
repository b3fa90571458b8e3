"""From a scenario to a world at its present moment."""

from __future__ import annotations

import time
from dataclasses import dataclass

from codenb.demo import patch
from codenb.demo.admission import Admission, Quotas
from codenb.demo.controllers.definitions import Definitions
from codenb.demo.controllers.deployments import Deployments
from codenb.demo.controllers.namespaces import Namespaces
from codenb.demo.controllers.replicasets import ReplicaSets
from codenb.demo.controllers.scheduler import Scheduler
from codenb.demo.controllers.services import Services
from codenb.demo.controllers.volumes import Volumes
from codenb.demo.defaults import fill
from codenb.demo.deletion import GarbageCollector
from codenb.demo.kinds import BY_NAME, KINDS, NAMESPACE, Catalogue, Kind
from codenb.demo.kubelet import Kubelet
from codenb.demo.programs import Registry
from codenb.demo.scenarios import Scenario, Step
from codenb.demo.simulation import Simulation
from codenb.demo.status import ApiError
from codenb.demo.validation import accept
from codenb.errors import ConfigError
from codenb.models.embedded import EMBEDDED_UID

_DELIVERY = "shop-delivery"  # the field manager of everything in a scenario's history
_BY_KIND_NAME: dict[str, Kind] = {kind.kind: kind for kind in reversed(KINDS)}


@dataclass(frozen=True, slots=True)
class Built:
    """A world that is ready to be served."""

    sim: Simulation
    admission: Admission
    kubelet: Kubelet
    uid: str
    catalogue: Catalogue


def build(scenario: Scenario, *, seed: int, foreign: bool) -> Built:
    """Let a scenario's history happen.

    Args:
        scenario: What happened.
        seed: Equal seeds give equal names and uids.
        foreign: Give kube-system another uid than the embedded one, so that the world counts as a real cluster.

    Raises:
        ConfigError: Something in the history would be refused by an API server.
    """
    start = max(step.ago for step in scenario.history)
    sim = Simulation(int(time.time()) - start, seed, Registry(dict(scenario.images), scenario.programs))
    admission = Admission(sim)
    kubelet = Kubelet(sim)
    catalogue = Catalogue()
    sim.add(
        Namespaces(sim),
        Deployments(sim),
        ReplicaSets(sim, admission),
        Scheduler(sim),
        kubelet,
        Services(sim),
        Volumes(sim),
        Quotas(sim, admission),
        Definitions(sim, catalogue),
        GarbageCollector(sim),
    )
    uid = sim.identity.uid() if foreign else EMBEDDED_UID
    for name in ("kube-system", "default", "kube-public", "kube-node-lease"):
        namespace = fill(NAMESPACE, {"metadata": {"name": name}})
        sim.store.create(NAMESPACE, namespace, "kube-apiserver", uid=uid if name == "kube-system" else "")
    for step in scenario.history:
        sim.run_until(start - step.ago)
        try:
            _take(sim, admission, step)
        except (ApiError, KeyError) as error:
            raise ConfigError(f"scenario {scenario.name}: a step of its history cannot be taken: {error}") from error
    sim.run_until(start)
    if sim.failures:
        raise ConfigError(f"scenario {scenario.name}: its history cannot be lived: {min(sim.failures)}")
    return Built(sim, admission, kubelet, uid, catalogue)


def _take(sim: Simulation, admission: Admission, step: Step) -> None:
    for manifest in step.apply:
        kind = BY_NAME[manifest["apiVersion"], manifest["kind"]]
        sent = {key: value for key, value in manifest.items() if key not in ("apiVersion", "kind")}
        obj = accept(kind, sent)
        admission.check(kind, obj, None)
        sim.store.create(kind, obj, _DELIVERY)
        sim.settle()
    if step.patch is not None:
        kind = _BY_KIND_NAME[step.patch["kind"]]
        before = sim.store.get(kind, step.patch["namespace"], step.patch["name"])
        after = accept(kind, patch.apply(patch.STRATEGIC_PATCH, before, step.patch["body"]), before)
        sim.store.update(kind, after, _DELIVERY)
        sim.settle()
