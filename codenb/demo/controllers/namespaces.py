"""What every namespace has from its first moment: a service account and the cluster's certificate."""

from __future__ import annotations

from codenb.demo.controllers.replicasets import MANAGER
from codenb.demo.kinds import CONFIG_MAP, NAMESPACE, SERVICE_ACCOUNT
from codenb.demo.objects import name_of
from codenb.demo.simulation import Key, Queue, Simulation
from codenb.demo.store import Change


class Namespaces:
    """Furnishes new namespaces."""

    def __init__(self, sim: Simulation) -> None:
        self._sim = sim
        self._queue = Queue(sim, self._furnish)
        self.work = self._queue.work

    def observe(self, change: Change) -> None:
        """Note new namespaces."""
        if change.kind is NAMESPACE and change.type == "ADDED":
            self._queue.add("", name_of(change.obj))

    def _furnish(self, key: Key) -> None:
        name = key[1]
        if self._sim.store.find(NAMESPACE, "", name) is None:
            return
        if self._sim.store.find(SERVICE_ACCOUNT, name, "default") is None:
            account = {"metadata": {"name": "default", "namespace": name}}
            self._sim.store.create(SERVICE_ACCOUNT, account, MANAGER)
        if self._sim.store.find(CONFIG_MAP, name, "kube-root-ca.crt") is None:
            certificate = {
                "metadata": {"name": "kube-root-ca.crt", "namespace": name},
                "data": {"ca.crt": "# nothing runs in this world, so nothing needs a certificate\n"},
            }
            self._sim.store.create(CONFIG_MAP, certificate, MANAGER)
