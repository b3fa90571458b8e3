"""Pod logs."""

from __future__ import annotations

from datetime import datetime

from codenb.demo.api.requests import HttpRequest, Target
from codenb.demo.kinds import POD
from codenb.demo.live import Live
from codenb.demo.objects import Obj
from codenb.demo.programs import Run
from codenb.demo.status import bad_request, not_embedded


def read(live: Live, target: Target, http: HttpRequest) -> bytes:
    """The log of one container, as its query asks for it.

    Raises:
        ApiError: 400 where there is no such container or it has not run; 501 for following.
    """
    if http.flag("follow"):
        raise not_embedded("following a log; read it again instead")
    pod = live.sim.store.get(POD, target.namespace, target.name)
    run = _run(live, pod, _container(pod, http.query.get("container", "")), previous=http.flag("previous"))
    lines = [] if run is None else run.log(live.sim.clock.now)
    since = _since(live, http)
    if since is not None:
        lines = [line for line in lines if line[0] >= since]
    tail = http.number("tailLines")
    if tail is not None:
        lines = lines[-tail:] if tail > 0 else []
    stamps = http.flag("timestamps")
    text = "".join(f"{live.sim.clock.micro_stamp(at)} {line}\n" if stamps else f"{line}\n" for at, line in lines)
    limit = http.number("limitBytes")
    return text.encode()[: limit if limit is not None else None]


def _container(pod: Obj, wanted: str) -> str:
    names = [item["name"] for item in pod["spec"]["containers"]]
    every = names + [item["name"] for item in pod["spec"].get("initContainers") or []]
    name = pod["metadata"]["name"]
    if wanted:
        if wanted not in every:
            raise bad_request(f"container {wanted} is not valid for pod {name}")
        return wanted
    if len(every) > 1:
        raise bad_request(f"a container name must be specified for pod {name}, choose one of: [{' '.join(every)}]")
    return str(names[0])


def _run(live: Live, pod: Obj, container: str, *, previous: bool) -> Run | None:
    worker = live.kubelet.worker(pod)
    name = pod["metadata"]["name"]
    if worker is None:
        raise bad_request(f"pod {name} does not have a host assigned")
    current, before = worker.runs(container) or (None, None)
    waiting = worker.state(container).get("waiting")
    if previous:
        # While a container waits to be restarted, the run that just ended is both the last and the previous one.
        ended = current if waiting is not None and current is not None else before
        if ended is None:
            raise bad_request(f'previous terminated container "{container}" in pod "{name}" not found')
        return ended
    if current is None and waiting is not None:
        why = {
            "ErrImagePull": "image can't be pulled",
            "ImagePullBackOff": "trying and failing to pull image",
        }.get(waiting["reason"], waiting["reason"])
        raise bad_request(f'container "{container}" in pod "{name}" is waiting to start: {why}')
    return current


def _since(live: Live, http: HttpRequest) -> float | None:
    seconds = http.number("sinceSeconds")
    if seconds is not None:
        return live.sim.clock.now - seconds
    text = http.query.get("sinceTime", "")
    if not text:
        return None
    try:
        return live.sim.clock.moment(datetime.fromisoformat(text))
    except ValueError as error:
        raise bad_request(f"invalid sinceTime: {text!r:.60}") from error
