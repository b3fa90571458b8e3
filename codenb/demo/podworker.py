"""The life of one pod on its node: pulling, starting, running, ending, backing off.

Reasons, messages and delays are the kubelet's: back-offs of 10 s that double up to 5 minutes, the first restart at
once, states and events in the same words.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from codenb.demo.events import Happening
from codenb.demo.identity import image_digest
from codenb.demo.kinds import CONFIG_MAP, POD, SECRET, Kind
from codenb.demo.objects import Obj, dig, name_of, namespace_of, revised, uid_of
from codenb.demo.programs import Crash, Run

if TYPE_CHECKING:
    from codenb.demo.simulation import Simulation

_PULL_S = 0.25
_PRESENT_S = 0.05
_START_S = 0.05
_STOP_S = 0.3
_SYNC_S = 1.0
_FIRST_BACK_OFF_S = 10.0
_LONGEST_BACK_OFF_S = 300.0
_REPORT_S = 15.0  # how often a back-off is reported while it lasts
_MOUNT_RETRY_S = 20.0
_INIT_RUN = Crash(after=0.2, exit_code=0, reason="Completed")
_MINUTE_S = 60
_NEVER = "1970-01-01T00:00:00Z"


@dataclass(slots=True)
class _Container:
    spec: Obj
    init: bool
    state: Obj
    last: Obj = field(default_factory=dict)
    ready: bool = False
    restarts: int = 0
    back_off: float = 0.0
    attempt: int = 0  # raised at each step, so that a timer of an earlier one does nothing
    run: Run | None = None
    previous: Run | None = None

    @property
    def name(self) -> str:
        return str(self.spec["name"])


class PodWorker:
    """Brings one pod to life and keeps its status true.

    Args:
        sim: The world.
        pod: The pod, bound to a node.
        ip: Its address.
        images: The images that its node has; shared by the pods of a node.
    """

    def __init__(self, sim: Simulation, pod: Obj, ip: str, images: set[str]) -> None:
        self._sim = sim
        self._key = (namespace_of(pod), name_of(pod))
        self.uid = uid_of(pod)
        self._node = str(pod["spec"]["nodeName"])
        self._ip = ip
        self._host_ip = f"10.0.0.{10 + int(re.sub('[^0-9]', '', self._node)[-2:] or 0)}"
        self._images = images
        self._begun = sim.clock.stamp()
        self._mounted = False
        self._stopping = False
        self._conditions: dict[str, Obj] = {}
        self._id = self.uid.replace("-", "")
        waiting = {"waiting": {"reason": "ContainerCreating"}}
        spec = pod["spec"]
        self._init = [_Container(item, init=True, state=waiting) for item in spec.get("initContainers") or []]
        self._main = [_Container(item, init=False, state=waiting) for item in spec["containers"]]
        if self._init:
            for container in self._main:
                container.state = {"waiting": {"reason": "PodInitializing"}}

    @property
    def _pod(self) -> Obj | None:
        pod = self._sim.store.find(POD, *self._key)
        return pod if pod is not None and uid_of(pod) == self.uid else None

    def start(self) -> None:
        """Mount what the pod needs, then start its containers."""
        pod = self._pod
        if pod is None or self._stopping:
            return
        missing = self._missing_volume(pod)
        if missing:
            self._event("Warning", "FailedMount", missing)
            self._sim.clock.after(_MOUNT_RETRY_S, self.start)
            self._publish()
            return
        self._mounted = True
        if self._init:
            self._pull(self._init[0])
        else:
            self._start_main()

    def stop(self) -> None:
        """End the pod's processes, then let it go."""
        if self._stopping:
            return
        self._stopping = True
        for container in (*self._init, *self._main):
            if "running" in container.state:
                self._event("Normal", "Killing", f"Stopping container {container.name}", container)
            container.attempt += 1
        self._sim.clock.after(_STOP_S, self._gone)

    def replace_image(self, pod: Obj) -> None:
        """Restart the containers whose image was changed in place."""
        for container, spec in zip(self._main, pod["spec"]["containers"], strict=False):
            if container.spec["image"] != spec["image"]:
                container.spec = spec
                container.attempt += 1
                self._pull(container)

    def runs(self, name: str) -> tuple[Run | None, Run | None] | None:
        """The current and the previous run of a container; None where there is no such container."""
        found = next((item for item in (*self._main, *self._init) if item.name == name), None)
        return None if found is None else (found.run, found.previous)

    def state(self, name: str) -> Obj:
        """The state of a container as its status shows it."""
        return next(item.state for item in (*self._main, *self._init) if item.name == name)

    def _gone(self) -> None:
        pod = self._pod
        if pod is not None:
            self._sim.store.remove(POD, pod)

    def _start_main(self) -> None:
        for container in self._main:
            self._pull(container)

    def _later(self, delay: float, container: _Container, action: Callable[[_Container], None]) -> None:
        attempt = container.attempt

        def act() -> None:
            if container.attempt == attempt and not self._stopping and self._pod is not None:
                action(container)

        self._sim.clock.after(delay, act)

    def _wait(self, container: _Container, reason: str, message: str = "") -> None:
        container.state = {"waiting": {"reason": reason} | ({"message": message} if message else {})}
        container.ready = False
        self._publish()

    def _pull(self, container: _Container) -> None:
        container.attempt += 1
        image = container.spec["image"]
        problem = self._sim.registry.pull_error(image)
        if problem:
            self._event("Normal", "Pulling", f'Pulling image "{image}"', container)
            self._event("Warning", "Failed", f'Failed to pull image "{image}": {problem}', container)
            self._event("Warning", "Failed", "Error: ErrImagePull", container)
            self._wait(container, "ErrImagePull", problem)
            container.back_off = min(container.back_off * 2 or _FIRST_BACK_OFF_S, _LONGEST_BACK_OFF_S)
            self._later(_SYNC_S, container, self._back_off_pull)
            self._later(container.back_off, container, self._pull)
            return
        if image in self._images:
            self._event("Normal", "Pulled", f'Container image "{image}" already present on machine', container)
            self._later(_PRESENT_S, container, self._create)
        else:
            self._event("Normal", "Pulling", f'Pulling image "{image}"', container)
            self._later(_PULL_S, container, self._pulled)
        self._publish()

    def _back_off_pull(self, container: _Container) -> None:
        image = container.spec["image"]
        problem = self._sim.registry.pull_error(image)
        self._event("Normal", "BackOff", f'Back-off pulling image "{image}"', container)
        self._event("Warning", "Failed", "Error: ImagePullBackOff", container)
        self._wait(container, "ImagePullBackOff", f'Back-off pulling image "{image}": ErrImagePull: {problem}')
        self._later(_REPORT_S, container, self._back_off_pull)

    def _pulled(self, container: _Container) -> None:
        image = container.spec["image"]
        self._images.add(image)
        took = f"{int(_PULL_S * 1000)}ms"
        size = 20_000_000 + 1_000 * len(image) ** 3 % 90_000_000
        message = f'Successfully pulled image "{image}" in {took} ({took} including waiting). Image size: {size} bytes.'
        self._event("Normal", "Pulled", message, container)
        self._create(container)

    def _create(self, container: _Container) -> None:
        problem = self._missing_reference(container.spec)
        if problem:
            self._event("Warning", "Failed", f"Error: {problem}", container)
            self._wait(container, "CreateContainerConfigError", problem)
            self._later(_REPORT_S, container, self._create)
            return
        self._event("Normal", "Created", f"Created container: {container.name}", container)
        missing = self._sim.registry.program(container.spec["image"]).missing_executable(container.spec)
        if missing:
            self._fail_to_start(container, missing)
        else:
            self._later(_START_S, container, self._run)

    def _fail_to_start(self, container: _Container, missing: str) -> None:
        message = (
            "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create "
            "failed: unable to start container process: error during container init: "
            f'exec: "{missing}": executable file not found in $PATH: unknown'
        )
        self._event("Warning", "Failed", f"Error: {message}", container)
        container.previous, container.run = container.run, None
        ended = {"exitCode": 128, "reason": "StartError", "message": message, "startedAt": _NEVER}
        ended |= {"finishedAt": self._sim.clock.stamp(), "containerID": self._container_id(container)}
        container.last = {"terminated": ended}
        self._wait(container, "RunContainerError", message)
        self._later(_SYNC_S, container, self._back_off)

    def _run(self, container: _Container) -> None:
        now = self._sim.clock.now
        self._event("Normal", "Started", f"Started container {container.name}", container)
        program = self._sim.registry.program(container.spec["image"])
        if container.run is not None:
            container.previous = container.run
        container.run = Run(self._key[1], program, now)
        container.state = {"running": {"startedAt": self._sim.clock.stamp()}}
        container.ready = not container.init and "readinessProbe" not in container.spec
        end = program.end(container.spec) or (_INIT_RUN if container.init else None)
        if not container.init and not container.ready:
            self._later(program.ready_after, container, self._probe)
        if end is not None:
            self._later(end.after, container, lambda ending: self._end(ending, end))
        if program.unhealthy is not None:
            self._later(program.unhealthy.every, container, self._report_unhealthy)
        self._publish()

    def _probe(self, container: _Container) -> None:
        assert container.run is not None
        refused = container.run.program.refusal(container.spec, self._ip)
        if refused:
            self._event("Warning", "Unhealthy", f"Readiness probe failed: {refused}", container)
            period = max(container.spec["readinessProbe"].get("periodSeconds", 0), 1)
            self._later(period, container, self._probe)
            return
        container.ready = True
        self._publish()

    def _report_unhealthy(self, container: _Container) -> None:
        unhealthy = container.run.program.unhealthy if container.run else None
        if unhealthy is not None:
            message = unhealthy.message.replace("{ip}", self._ip)
            self._event("Warning", "Unhealthy", f"Readiness probe failed: {message}", container)
            self._later(unhealthy.every, container, self._report_unhealthy)

    def _end(self, container: _Container, end: Crash) -> None:
        run = container.run
        assert run is not None
        run.ended, run.end = self._sim.clock.now, end
        container.ready = False
        ended = {
            "exitCode": end.exit_code,
            "reason": end.reason,
            "startedAt": self._sim.clock.stamp(run.started),
            "finishedAt": self._sim.clock.stamp(),
            "containerID": self._container_id(container),
        }
        container.state = {"terminated": ended}
        container.attempt += 1
        self._publish()
        policy = dig(self._pod, "spec", "restartPolicy", default="Always")
        if container.init and end.exit_code == 0:
            self._next_init(container)
        elif policy == "Always" or (policy == "OnFailure" and end.exit_code != 0):
            self._later(_SYNC_S, container, self._back_off)

    def _next_init(self, container: _Container) -> None:
        at = self._init.index(container) + 1
        if at < len(self._init):
            self._pull(self._init[at])
        else:
            self._start_main()

    def _back_off(self, container: _Container) -> None:
        """Restart at once the first time, then after a delay that doubles."""
        if "terminated" in container.state:
            container.last = container.state
        delay, container.back_off = (
            container.back_off,
            min(container.back_off * 2 or _FIRST_BACK_OFF_S, _LONGEST_BACK_OFF_S),
        )
        if not delay:
            self._restart(container)
            return
        self._later(delay, container, self._restart)
        self._report_back_off(container, delay)

    def _report_back_off(self, container: _Container, delay: float) -> None:
        namespace, name = self._key
        about = f"restarting failed container {container.name} in pod {name}_{namespace}({self.uid})"
        self._event("Warning", "BackOff", f"Back-off {about}", container)
        length = _duration(delay)
        message = f"back-off {length} restarting failed container={container.name} pod={name}_{namespace}({self.uid})"
        self._wait(container, "CrashLoopBackOff", message)
        self._later(_REPORT_S, container, lambda waiting: self._report_back_off(waiting, delay))

    def _restart(self, container: _Container) -> None:
        container.restarts += 1
        self._pull(container)

    def _missing_volume(self, pod: Obj) -> str:
        for volume in pod["spec"].get("volumes") or []:
            for source, kind, key in (("configMap", CONFIG_MAP, "name"), ("secret", SECRET, "secretName")):
                wanted = dig(volume, source, key)
                if (
                    wanted
                    and not dig(volume, source, "optional")
                    and not self._sim.store.find(kind, self._key[0], wanted)
                ):
                    name = volume["name"]
                    return f'MountVolume.SetUp failed for volume "{name}" : {kind.plural[:-1]} "{wanted}" not found'
        return ""

    def _missing_reference(self, spec: Obj) -> str:
        sources = [variable.get("valueFrom") or {} for variable in spec.get("env") or []]
        for source in (*sources, *(spec.get("envFrom") or [])):
            for kind in (CONFIG_MAP, SECRET):
                name = f"{kind.kind[0].lower()}{kind.kind[1:]}"
                ref = source.get(f"{name}KeyRef") or source.get(f"{name}Ref") or {"optional": True}
                problem = "" if ref.get("optional") else self._unresolved(ref, kind)
                if problem:
                    return problem
        return ""

    def _unresolved(self, ref: Obj, kind: Kind) -> str:
        namespace = self._key[0]
        found = self._sim.store.find(kind, namespace, ref["name"])
        if found is None:
            return f'{kind.plural[:-1]} "{ref["name"]}" not found'
        if "key" in ref and ref["key"] not in (found.get("data") or {}):
            return f"couldn't find key {ref['key']} in {kind.kind} {namespace}/{ref['name']}"
        return ""

    def _container_id(self, container: _Container) -> str:
        return f"containerd://{self._id}{container.restarts:032x}"

    def _event(self, type_: str, reason: str, message: str, container: _Container | None = None) -> None:
        pod = self._pod
        if pod is None:
            return
        part = "" if container is None else f"spec.{'initContainers' if container.init else 'containers'}"
        field_path = f"{part}{{{container.name}}}" if container else ""
        self._sim.events.record(pod, Happening(type_, "kubelet", reason, message, self._node, field_path))

    def _publish(self) -> None:
        pod = self._pod
        if pod is None:
            return
        old = pod.get("status") or {}
        status = old | {
            "phase": self._phase(),
            "conditions": self._all_conditions(old.get("conditions") or []),
            "hostIP": self._host_ip,
            "startTime": self._begun,
            "containerStatuses": [self._status(container) for container in self._main],
        }
        if self._mounted:
            status |= {"podIP": self._ip, "podIPs": [{"ip": self._ip}]}
        if self._init:
            status["initContainerStatuses"] = [self._status(container) for container in self._init]
        self._sim.store.update(POD, revised(pod, status=status), "kubelet", subresource="status")

    def _phase(self) -> str:
        states = [container.state for container in self._main]
        policy = dig(self._pod, "spec", "restartPolicy", default="Always")
        if policy != "Always" and all("terminated" in state for state in states):
            failed = any(state["terminated"]["exitCode"] for state in states)
            if not failed or policy == "Never":
                return "Failed" if failed else "Succeeded"
        begun = all(c.run is not None or c.last or c.restarts for c in self._main)
        return "Running" if begun else "Pending"

    def _all_conditions(self, old: list[Obj]) -> list[Obj]:
        initialized = all(dig(item.state, "terminated", "exitCode") == 0 for item in self._init)
        unready = [container.name for container in self._main if not container.ready]
        why = {"reason": "ContainersNotReady", "message": f"containers with unready status: [{' '.join(unready)}]"}
        unstarted = [c.name for c in self._init if dig(c.state, "terminated", "exitCode") != 0]
        why_init = {
            "reason": "ContainersNotInitialized",
            "message": f"containers with incomplete status: [{' '.join(unstarted)}]",
        }
        wanted: list[tuple[str, bool, Obj]] = [
            ("PodReadyToStartContainers", self._mounted, {}),
            ("Initialized", initialized, why_init),
            ("Ready", not unready, why),
            ("ContainersReady", not unready, why),
        ]
        conditions = [self._condition(type_, holds, why_not) for type_, holds, why_not in wanted]
        return [*conditions, *(condition for condition in old if condition["type"] == "PodScheduled")]

    def _condition(self, type_: str, holds: bool, why_not: Obj) -> Obj:  # noqa: FBT001 - a condition is a flag
        status = "True" if holds else "False"
        have = self._conditions.get(type_)
        since = have["lastTransitionTime"] if have and have["status"] == status else self._sim.clock.stamp()
        condition = {"type": type_, "status": status, "lastProbeTime": None, "lastTransitionTime": since}
        self._conditions[type_] = condition
        return condition if holds else condition | why_not

    def _status(self, container: _Container) -> Obj:
        image = container.spec["image"]
        began = container.run is not None or bool(container.last)
        return {
            "name": container.name,
            "state": container.state,
            "lastState": container.last,
            "ready": container.ready or (container.init and dig(container.state, "terminated", "exitCode") == 0),
            "restartCount": container.restarts,
            "image": image,
            "imageID": f"{image.partition(':')[0]}@sha256:{image_digest(image)}" if began else "",
            "started": "running" in container.state,
        } | ({"containerID": self._container_id(container)} if began else {})


def _duration(seconds: float) -> str:
    """As Go writes it: `40s`, `2m40s`."""
    minutes, rest = divmod(int(seconds), _MINUTE_S)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
