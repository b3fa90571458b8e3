"""What is looked at, and where it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field as Setting

from codenb.errors import BadInput
from codenb.models._base import Model
from codenb.models.embedded import EMBEDDED_UID
from codenb.views import Badge, Field, Tone, View

_WORKLOAD_NAMES = ("application", "app", "name")
_NAMESPACE = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")  # a label of RFC 1123


class Entity(Model):
    """One object of a cluster, such as a Deployment, or something named like one elsewhere."""

    kind: str
    name: str
    namespace: str | None = None

    def __str__(self) -> str:
        place = f"{self.namespace}/" if self.namespace else ""
        return f"{self.kind} {place}{self.name}"

    def view(self) -> View:
        return View(title=str(self))


class Target(Model):
    """What is looked at or deployed.

    Attributes:
        namespace: Kubernetes namespace.
        workload: Name of the workload; None looks at the whole namespace.
        kind: Kind of the workload, where two kinds share a name.
        cluster: kubeconfig context; None is the configured one.
        release: Helm release or version.
        environment: Such as `staging`.
        replicas: How many are wanted, for `plan`.
        resources: Requests wanted, such as `{"cpu": "500m", "memory": "1Gi"}`, for `plan`.
        manifests: Paths or YAML text.
        extra: Anything a third-party server's mapping needs.
    """

    namespace: str = "default"
    workload: str | None = None
    kind: str | None = None
    cluster: str | None = None
    release: str | None = None
    environment: str | None = None
    replicas: int | None = Setting(default=None, ge=0)
    resources: dict[str, str] = Setting(default_factory=dict)
    manifests: tuple[str, ...] = ()
    extra: dict[str, Any] = Setting(default_factory=dict)

    @classmethod
    def from_dict(cls, data: object, *, what: str = "") -> Self:
        """Read a target, or a request in the words of `requested`.

        Args:
            data: JSON data.
            what: Where it came from, for the message.

        Raises:
            BadInput: It is not in this shape; the message names the first wrong field.
        """
        return super().from_dict(cls.requested(data) if isinstance(data, Mapping) else data, what=what)

    @classmethod
    def requested(cls, data: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of a request such as `{"application": "shop", "environment": "staging", "image": "shop:1"}`.

        Where no workload is named, `application`, `app` or `name` is it. Where no namespace is given, the environment
        is it. `image` goes into `extra`, and amounts may be numbers. What has its own field stays as it is.

        Raises:
            BadInput: The environment is no name of a namespace.
        """
        told = dict(data)
        named = next((name for name in _WORKLOAD_NAMES if told.get(name) is not None), None)
        if named and told.get("workload") is None:
            told["workload"] = told.pop(named)
        if "image" in told:
            own = told.get("extra")
            image = told.pop("image")
            told["extra"] = {"image": image} | (dict(own) if isinstance(own, Mapping) else {})
        if isinstance(resources := told.get("resources"), Mapping):
            told["resources"] = {
                key: str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
                for key, value in resources.items()
            }
        environment = told.get("environment")
        if isinstance(environment, str) and told.get("namespace") is None:
            if not _NAMESPACE.fullmatch(environment):
                raise BadInput(
                    f"environment {environment[:80]!r} is no name of a namespace: give the namespace as well"
                )
            told["namespace"] = environment
        return told

    @property
    def asks(self) -> bool:
        """Whether it asks for something to be deployed, which then need not be there yet."""
        return self.replicas is not None or bool(self.resources or self.manifests or self.extra.get("image"))

    def __str__(self) -> str:
        return f"{self.namespace}/{self.workload}" if self.workload else f"namespace {self.namespace}"

    def fields(self) -> dict[str, str | None]:
        """The fields that a `gather` mapping may name, as text."""
        extra = {key: str(value) for key, value in self.extra.items() if isinstance(value, str | int | float)}
        return extra | {
            "namespace": self.namespace,
            "workload": self.workload,
            "kind": self.kind,
            "cluster": self.cluster,
            "release": self.release,
            "environment": self.environment,
        }

    def view(self) -> View:
        shown = [Field(name, str(value)) for name, value in self.to_dict().items() if value not in (None, {}, [])]
        return View(title=f"Target {self}", blocks=shown)


class Place(Model):
    """Which system a server acts on. A digest is bound to it, and every approval names it.

    Attributes:
        kind: `cluster`, `workspace` or `url`.
        name: What people call it: a kubeconfig context.
        address: API server, base URL or folder.
        identity: What cannot be changed by editing a file: for a cluster the uid of its kube-system namespace.
        derived: True where that uid may not be read, and the identity is made of API URL and CA hash instead.
    """

    kind: str = "cluster"
    name: str
    address: str
    identity: str
    derived: bool = False

    @property
    def embedded(self) -> bool:
        """Whether this is the embedded world, where nothing real can be harmed."""
        return self.identity == EMBEDDED_UID

    def __str__(self) -> str:
        return f"{self.kind} {self.name} ({self.where})"

    @property
    def where(self) -> str:
        """Address, where it has one, and identity."""
        return ", ".join(part for part in (self.address, self.identity) if part)

    def view(self) -> View:
        badges = [Badge("embedded", Tone.INFO)] if self.embedded else []
        marked = (
            f"{self.identity} (from API URL and CA: kube-system may not be read)" if self.derived else self.identity
        )
        return View(
            title=f"{self.kind} {self.name}",
            badges=badges,
            blocks=[Field("address", self.address or "none"), Field("identity", marked)],
        )


class ServerAbout(Model):
    """What a server of codenb's kind says of itself, as the resource `about://server`.

    Attributes:
        name: Its name.
        version: Its version.
        place: Which system it acts on; None where it acts on none, or could not tell.
        place_problem: Why the place is not known.
        changes: Namespaces (or the like) that it may change there; `*` is all, empty is read-only.
        changes_reason: Why it may change nothing, and which setting would allow it.
    """

    name: str
    version: str
    place: Place | None = None
    place_problem: str = ""
    changes: tuple[str, ...] = ()
    changes_reason: str = ""

    def view(self) -> View:
        may = ", ".join(self.changes) if self.changes else f"nothing: {self.changes_reason}"
        where = str(self.place) if self.place else self.place_problem or "no place"
        return View(title=self.name, subtitle=self.version, blocks=[Field("where", where), Field("may change", may)])
