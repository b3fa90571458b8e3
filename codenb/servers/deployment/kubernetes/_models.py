"""What a diff of manifests answers, and what a deployment that did not take reports."""

from __future__ import annotations

from typing import Literal

from pydantic import Field as Setting

from codenb.models._base import Answered
from codenb.models.target import Entity
from codenb.servers.kubernetes.running import Event, Log, Part
from codenb.views import Badge, Block, Code, Diff, Field, Fold, Table, Text, Tone, View

Action = Literal["create", "update", "unchanged", "delete", "unknown"]

_TONES = {
    "create": Tone.GOOD,
    "update": Tone.WARN,
    "unchanged": Tone.PLAIN,
    "delete": Tone.BAD,
    "unknown": Tone.BAD,
}


class FieldOwner(Part):
    """A field that somebody else set to another value.

    Attributes:
        field: Its path, such as `spec.replicas`.
        manager: Its field manager, as the API server names it.
        known_as: Who that is, where it is known: Argo CD, Flux, Helm, an autoscaler, kubectl.
    """

    field: str = ""
    manager: str = ""
    known_as: str = ""

    def __str__(self) -> str:
        who = f"{self.manager!r} ({self.known_as})" if self.known_as else repr(self.manager)
        return f"{self.field} of {who}"


class ObjectDiff(Part):
    """What applying would do to one object.

    Attributes:
        object: `Kind namespace/name`.
        action: `unknown` where the object may not be read.
        diff: Unified diff of the fields that the manifests set or no longer set, with all lines in between. Values of
            Secrets are pseudonyms.
        conflicts: Fields of others that it would have to take.
        owner: Who else manages the object.
        local: Why it was computed without the API server; empty where the server's dry run said it.
        where: `file:line` of the manifest.
    """

    object: str = ""
    action: Action = "unchanged"
    diff: str = ""
    conflicts: tuple[FieldOwner, ...] = ()
    owner: str = ""
    local: str = ""
    where: str = ""

    def view(self) -> View:
        """The diff, and who stands in its way."""
        blocks: list[Block] = [Field("managed by", self.owner, Tone.WARN)] if self.owner else []
        blocks += [Text(f"conflict: {one}", Tone.BAD) for one in self.conflicts]
        blocks += [Text(self.local, Tone.INFO)] if self.local else []
        if self.diff:
            blocks.append(Diff(*sides(self.diff), caption=self.where))
        return View(title=self.object, badges=[Badge(self.action, _TONES[self.action])], blocks=blocks)


class ManifestDiff(Answered):
    """What deploying some manifests would change.

    Attributes:
        cluster: Context of the cluster.
        objects: In the order in which they would be applied.
        changed: How many would be created, updated or deleted, or cannot be told.
        conflicts: How many fields belong to others.
        desired_replicas: Replicas that the workloads among them ask for.
        ready_replicas: Replicas of them that are ready and of the newest template.
        local: Whether some of it was computed here, without the server's defaults, validation and conflicts.
        local_reason: Why, with the permission that is missing.
        notes: What else to know.
    """

    cluster: str
    objects: tuple[ObjectDiff, ...] = ()
    changed: int = 0
    conflicts: int = 0
    desired_replicas: int = 0
    ready_replicas: int = 0
    local: bool = False
    local_reason: str = ""
    notes: tuple[str, ...] = ()

    def view(self) -> View:
        """A row an object, then the diff of each that changes."""
        badges = [
            Badge(f"{self.changed} to change", Tone.WARN) if self.changed else Badge("nothing to change", Tone.GOOD)
        ]
        badges += [Badge(f"{self.conflicts} conflict{'s' * (self.conflicts > 1)}", Tone.BAD)] if self.conflicts else []
        badges += [Badge("without server defaults", Tone.WARN)] if self.local else []
        blocks: list[Block] = [Text(self.local_reason, Tone.WARN)] if self.local_reason else []
        blocks += [Text(note, Tone.INFO) for note in self.notes]
        if self.desired_replicas:
            blocks.append(Field("ready replicas", f"{self.ready_replicas} of {self.desired_replicas}"))
        rows = [(Badge(one.action, _TONES[one.action]), one.object, one.owner, one.where) for one in self.objects]
        blocks.append(Table(["would", "object", "managed by", "manifest"], rows))
        changed = [one for one in self.objects if one.action != "unchanged"]
        blocks += [Fold(one.object, one.view(), open=len(changed) <= _OPEN) for one in changed]
        return View(title=f"Diff against cluster {self.cluster}", badges=badges, blocks=blocks)


_OPEN = 5


class NotReady(Part):
    """A workload that did not become ready, and what is known of why.

    Attributes:
        object: `Kind namespace/name`.
        ready: Such as `1 of 3`.
        reason: The likeliest cause in a sentence, else its controller's words.
        cause: Its code in the closed vocabulary, where an analyzer knows it.
        pods: `name: reason: message` of those that are not ready.
        events: Warnings about it, newest last.
        logs: Last lines of its containers.
    """

    object: str = ""
    ready: str = ""
    reason: str = ""
    cause: str = ""
    pods: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()
    logs: tuple[Log, ...] = ()

    def view(self) -> View:
        """The cause, then pods, events and logs."""
        blocks: list[Block] = [Field("ready", self.ready), Text(self.reason, Tone.BAD)]
        blocks += [Field("pod", one, Tone.WARN) for one in self.pods]
        blocks += [Field(f"event {one.reason} of {one.object}", one.message) for one in self.events]
        blocks += [Code(one.text, caption=f"{one.pod} {one.container}") for one in self.logs]
        return View(title=self.object, blocks=blocks)


class Report(Part):
    """What a deployment did: all of it, or as far as it came.

    Attributes:
        applied: Objects that were written, in this order.
        failed: The object that was refused, and why.
        unknown: The object whose write got no answer, so that it may or may not have been made.
        not_applied: Objects that were not tried any more.
        deleted: Objects that were pruned.
        ready: Ready replicas by workload.
        not_ready: Workloads that did not become ready in time.
        notes: What came out otherwise than it was previewed.
    """

    applied: tuple[str, ...] = ()
    failed: dict[str, str] = Setting(default_factory=dict)
    unknown: dict[str, str] = Setting(default_factory=dict)
    not_applied: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    ready: dict[str, str] = Setting(default_factory=dict)
    not_ready: tuple[NotReady, ...] = ()
    notes: tuple[str, ...] = ()


def sides(diff: str) -> tuple[str, str]:
    """Both texts of a unified diff that has all of its lines."""
    body = [line for line in diff.splitlines() if not line.startswith(("--- ", "+++ ", "@@ "))]
    return tuple("\n".join(line[1:] for line in body if line[:1] in (" ", mark)) for mark in "-+")  # type: ignore[return-value]


def entity_of(objects: list[Entity], application: str) -> Entity:
    """What a change of these objects is called: the object itself, their application, or how many there are.

    Args:
        objects: All that are touched.
        application: The name that their labels give them; empty where they share none.
    """
    if len(objects) == 1:
        return objects[0]
    places = {one.namespace for one in objects}
    place = places.pop() if len(places) == 1 else None
    if application:
        return Entity(kind="Application", name=application, namespace=place)
    return Entity(kind="Manifests", name=f"({len(objects)} objects)", namespace=place)
