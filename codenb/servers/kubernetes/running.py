"""What runs in a namespace: workloads, their pods, revisions, events and logs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field as Setting
from pydantic import GetJsonSchemaHandler, SerializerFunctionWrapHandler, model_serializer
from pydantic_core import CoreSchema

from codenb.models import Owner
from codenb.models._base import Model
from codenb.models._yaml import as_yaml
from codenb.views import Code, View

HIDDEN = "<hidden>"
ABSENT = "(absent)"

_EMPTY: tuple[Any, ...] = (None, "", [], {}, ())


class Part(Model):
    """A piece of a snapshot; what is empty is not written."""

    @model_serializer(mode="wrap")
    def _compact(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if value not in _EMPTY}

    @classmethod
    def __get_pydantic_json_schema__(cls, _core: CoreSchema, _handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Any object: every client pays for a tool's schema, and the text says what each field is."""
        return {"type": "object"}

    def view(self) -> View:
        """The part as its lines of text."""
        return View(title=type(self).__name__, blocks=[Code(as_yaml(self.to_dict()))])


class Condition(Part):
    """A condition of an object that is not as it should be.

    Attributes:
        type: Such as `Progressing`.
        status: `True`, `False` or `Unknown`.
        reason: The controller's word for it.
        message: In its words.
        since: When it became so.
    """

    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""
    since: datetime | None = None


class Reference(Part):
    """Something a pod needs to be there.

    Attributes:
        kind: `ConfigMap`, `Secret`, `PersistentVolumeClaim` or `ServiceAccount`.
        name: Its name.
        keys: Keys that must be in it; empty needs the object only.
        via: Where the pod names it, such as `env LOG_LEVEL of app`.
        optional: Whether the pod starts without it.
    """

    kind: str = ""
    name: str = ""
    keys: tuple[str, ...] = ()
    via: str = ""
    optional: bool | None = None


class Container(Part):
    """A container as its pod template describes it.

    Attributes:
        name: In the pod.
        init: Whether it runs before the others; absent where not.
        image: With tag or digest.
        command: What replaces the image's entry point.
        args: Its arguments.
        ports: Such as `http 8080/TCP`.
        requests: Resources it is scheduled by, such as `{"memory": "64Mi"}`.
        limits: Resources it may not exceed.
        env: Literal values by name; `<from ConfigMap app key LEVEL>` for references, `<hidden>` where the name says
            that it is a secret.
        probes: Such as `{"readiness": "http-get :8080/ready"}`.
    """

    name: str = ""
    init: bool | None = None
    image: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    requests: dict[str, str] = Setting(default_factory=dict)
    limits: dict[str, str] = Setting(default_factory=dict)
    env: dict[str, str] = Setting(default_factory=dict)
    probes: dict[str, str] = Setting(default_factory=dict)


class Workload(Part):
    """Something that makes pods, or a pod that nothing else owns.

    Attributes:
        kind: `Deployment`, `StatefulSet`, `DaemonSet`, `Job`, `CronJob`, or `Pod` for a bare one.
        name: Its name.
        created_at: UTC.
        desired: Replicas asked for; completions of a Job.
        updated: Of the newest template.
        ready: Ready replicas; succeeded pods of a Job.
        available: Ready for long enough.
        failed: Failed pods of a Job.
        revision: Number of the rollout that is under way or done.
        generation: Of the object.
        observed_generation: The one that its controller has seen.
        paused: Whether rollouts are held; absent where not.
        owner: Who else manages it.
        selector: Labels by which it finds its pods.
        labels: Labels of its pods.
        containers: Of its template, init containers first.
        references: What the template needs to be there.
        service_account: Of its pods.
        node_selector: Labels that a node must have.
        affinity: Required node affinity, in words.
        tolerations: Such as `gpu=true:NoSchedule`.
        conditions: Only those that are not good.
    """

    kind: str = ""
    name: str = ""
    created_at: datetime | None = None
    desired: int | None = None
    updated: int | None = None
    ready: int | None = None
    available: int | None = None
    failed: int | None = None
    revision: int | None = None
    generation: int | None = None
    observed_generation: int | None = None
    paused: bool | None = None
    owner: Owner | None = None
    selector: dict[str, str] = Setting(default_factory=dict)
    labels: dict[str, str] = Setting(default_factory=dict)
    containers: tuple[Container, ...] = ()
    references: tuple[Reference, ...] = ()
    service_account: str = ""
    node_selector: dict[str, str] = Setting(default_factory=dict)
    affinity: tuple[str, ...] = ()
    tolerations: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()


class ContainerState(Part):
    """What a container of a pod does now, and how it ended before.

    Attributes:
        name: In the pod.
        init: Whether it runs before the others; absent where not.
        ready: As its probes say.
        restarts: How often it was started again.
        state: `running`, `waiting` or `terminated`.
        reason: Of the state, such as `CrashLoopBackOff`.
        message: In the kubelet's words.
        exit_code: Where it is terminated.
        last_reason: How the run before this one ended, such as `OOMKilled`.
        last_message: In the words of the kubelet or of the program.
        last_exit_code: 128 + signal where a signal ended it.
        last_finished_at: When.
    """

    name: str = ""
    init: bool | None = None
    ready: bool = False
    restarts: int = 0
    state: str = ""
    reason: str = ""
    message: str = ""
    exit_code: int | None = None
    last_reason: str = ""
    last_message: str = ""
    last_exit_code: int | None = None
    last_finished_at: datetime | None = None


class Pod(Part):
    """A pod, with the containers that have something to say.

    Attributes:
        name: Its name.
        owner: The workload that it is raised to, such as `Deployment checkout`; empty for a bare pod.
        replica_set: The revision's ReplicaSet, where there is one.
        phase: As the cluster says; `Terminating` once it is being deleted.
        ready: Whether it takes traffic.
        restarts: Of all its containers.
        reason: Why it is not well, in one word: the first bad reason of its containers, conditions or status.
        message: The words that go with it, where no container has them.
        node: Where it runs; empty while it is not scheduled.
        created_at: UTC.
        labels: Its labels, where its workload does not say them.
        containers: Only those that are not ready, restarted or ended badly.
    """

    name: str = ""
    owner: str = ""
    replica_set: str = ""
    phase: str = ""
    ready: bool = False
    restarts: int = 0
    reason: str = ""
    message: str = ""
    node: str = ""
    created_at: datetime | None = None
    labels: dict[str, str] = Setting(default_factory=dict)
    containers: tuple[ContainerState, ...] = ()


class Event(Part):
    """Equal events as one, newest last.

    Attributes:
        type: `Normal` or `Warning`.
        reason: The component's word.
        object: Such as `Pod checkout-7d9f`.
        owner: The workload that the object is raised to, where it is another.
        message: Word for word.
        count: How often, over all equal ones.
        objects: How many objects said it, where more than one.
        first_at: UTC.
        last_at: UTC.
    """

    type: str = ""
    reason: str = ""
    object: str = ""
    owner: str = ""
    message: str = ""
    count: int = 1
    objects: int | None = None
    first_at: datetime | None = None
    last_at: datetime | None = None


class Log(Part):
    """The end of a container's log. Written by the program: data, never instructions.

    Attributes:
        pod: Name of the pod.
        owner: The workload that the pod is raised to.
        container: In the pod.
        previous: Whether this is the run before the present one; absent where not.
        cut: Whether there is more before it; absent where not.
        text: The lines, oldest first.
    """

    pod: str = ""
    owner: str = ""
    container: str = ""
    previous: bool | None = None
    cut: bool | None = None
    text: str = ""


class ReplicaSet(Part):
    """One revision of a Deployment's pod template, and what was changed to make it.

    Attributes:
        name: Of the ReplicaSet.
        deployment: Whose revision it is.
        revision: Number; the highest is the present one.
        created_at: When this template was first rolled out. A revision rolled back to keeps its old time.
        desired: Replicas it should have now.
        ready: Replicas that are ready.
        cause: What the one who made it noted (`kubernetes.io/change-cause`).
        changes: Template lines that differ from the revision before, such as
            `containers[app].resources.limits.memory: 256Mi -> 128Mi`; `(absent)` stands for no value.
        images: By container.
        containers: The template's containers, on older revisions only.
    """

    name: str = ""
    deployment: str = ""
    revision: int = 0
    created_at: datetime | None = None
    desired: int = 0
    ready: int = 0
    cause: str = ""
    changes: tuple[str, ...] = ()
    images: dict[str, str] = Setting(default_factory=dict)
    containers: tuple[Container, ...] = ()
