"""The kubelets of all nodes: a worker for each pod that is bound, and the logs of what ran."""

from __future__ import annotations

from codenb.demo.kinds import POD
from codenb.demo.objects import Obj, dig, name_of, namespace_of, uid_of
from codenb.demo.podworker import PodWorker
from codenb.demo.simulation import Simulation
from codenb.demo.store import Change


class Kubelet:
    """Runs the pods of one world."""

    def __init__(self, sim: Simulation) -> None:
        self._sim = sim
        self._workers: dict[str, PodWorker] = {}
        self._images: dict[str, set[str]] = {}
        self._addresses = 0
        self._new: list[Obj] = []

    def observe(self, change: Change) -> None:
        """Take up pods that were bound, stop those that are to go, forget those that are gone."""
        if change.kind is not POD:
            return
        pod = change.obj
        worker = self._workers.get(uid_of(pod))
        if change.type == "DELETED":
            self._workers.pop(uid_of(pod), None)
        elif worker is None:
            if dig(pod, "spec", "nodeName"):
                self._new.append(pod)
        elif dig(pod, "metadata", "deletionTimestamp"):
            worker.stop()
        elif change.before is not None and pod["spec"] != change.before["spec"]:
            worker.replace_image(pod)

    def work(self) -> bool:
        """Start the pods that were bound since the last time."""
        pods, self._new = self._new, []
        for pod in pods:
            self._sim.attempt(self._take_up, pod)
        return bool(pods)

    def _take_up(self, pod: Obj) -> None:
        latest = self._sim.store.find(POD, namespace_of(pod), name_of(pod))
        if uid_of(pod) in self._workers or latest is None:
            return
        self._addresses += 1
        node = pod["spec"]["nodeName"]
        ip = f"10.1.{self._addresses // 250}.{self._addresses % 250 + 2}"
        worker = PodWorker(self._sim, pod, ip, self._images.setdefault(node, set()))
        self._workers[uid_of(pod)] = worker
        if dig(latest, "metadata", "deletionTimestamp"):
            worker.stop()
        else:
            worker.start()

    def worker(self, pod: Obj) -> PodWorker | None:
        """The worker of a pod; None for one that is not bound."""
        return self._workers.get(uid_of(pod))
