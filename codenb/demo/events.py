"""Events: what happened to which object, counted when it happens again, forgotten after an hour."""

from __future__ import annotations

from typing import NamedTuple

from codenb.demo.clock import Clock
from codenb.demo.kinds import EVENT, NEW_EVENT, Kind
from codenb.demo.objects import Obj, dig, name_of, pruned, revised, uid_of
from codenb.demo.store import Store

_FIRST_NUMBER = 0x18EA000000000000
_KEPT_S = 3600.0  # kube-apiserver --event-ttl


class Happening(NamedTuple):
    """What an event says.

    Attributes:
        type: `Normal` or `Warning`.
        component: Who reports it, for example `kubelet`.
        reason: In one word.
        message: In a sentence.
        host: The node that reports it.
        field: The part of the object, for example `spec.containers{app}`.
        action: Set by reporters that use the newer API, as the scheduler does: their events have a time and a series
            where others have two times and a count.
    """

    type: str
    component: str
    reason: str
    message: str
    host: str = ""
    field: str = ""
    action: str = ""


class Recorder:
    """Writes the events of one world."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._last = 0
        self._known: dict[tuple[str, ...], tuple[str, str]] = {}

    def record(self, about: Obj, happening: Happening) -> None:
        """Write down what happened to an object; again, where it was written down before.

        Args:
            about: The object it happened to.
            happening: What it was.
        """
        key = (uid_of(about), *happening)
        known = self._known.get(key)
        event = self._store.find(EVENT, *known) if known else None
        if event is None:
            event = self._store.create(EVENT, self._event(about, happening), happening.component)
            self._known[key] = (event["metadata"]["namespace"], name_of(event))
        else:
            event = self._store.update(EVENT, self._again(event), happening.component)
        self._expire_later(event)

    def _again(self, event: Obj) -> Obj:
        if not event.get("eventTime"):
            return revised(event, count=event.get("count", 0) + 1, lastTimestamp=self._clock.stamp())
        count = dig(event, "series", "count", default=1) + 1
        return revised(event, series={"count": count, "lastObservedTime": self._clock.micro_stamp()})

    def _event(self, about: Obj, happening: Happening) -> Obj:
        now = None if happening.action else self._clock.stamp()
        source = {} if happening.action else {"component": happening.component, "host": happening.host or None}
        newer = {"action": happening.action, "eventTime": self._clock.micro_stamp()}
        namespace = dig(about, "metadata", "namespace")
        return {
            "metadata": {"name": f"{name_of(about)}.{self._number():016x}", "namespace": namespace or "default"},
            "involvedObject": pruned(
                {
                    "kind": about["kind"],
                    "namespace": namespace,
                    "name": name_of(about),
                    "uid": uid_of(about),
                    "apiVersion": about["apiVersion"],
                    "resourceVersion": about["metadata"]["resourceVersion"],
                    "fieldPath": happening.field or None,
                }
            ),
            "reason": happening.reason,
            "message": happening.message,
            "source": pruned(source),
            "firstTimestamp": now,
            "lastTimestamp": now,
            "type": happening.type,
            "reportingComponent": happening.component,
            "reportingInstance": f"{happening.component}-embedded" if happening.action else happening.host,
        } | (newer if happening.action else {"eventTime": None, "count": 1})

    def _number(self) -> int:
        """Ends an event's name: the nanosecond, as that of a real one, but never the same twice."""
        self._last = max(self._last + 1, _FIRST_NUMBER + int(self._clock.now * 1e9))
        return self._last

    def _expire_later(self, event: Obj) -> None:
        def expire() -> None:
            latest = self._store.find(EVENT, event["metadata"]["namespace"], name_of(event))
            if latest is not None and _last(latest) == _last(event):
                self._store.remove(EVENT, latest)

        self._clock.after(_KEPT_S, expire)


def _last(event: Obj) -> str | None:
    return dig(event, "series", "lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime")


def shown(kind: Kind, obj: Obj) -> Obj:
    """An object as the API of a kind shows it.

    An event has other words in `events.k8s.io/v1`; a custom resource has the version in which it is asked for.
    """
    if kind.kept_as is not None:
        return obj | {"apiVersion": kind.api_version}
    return _in_new_words(obj) if kind is NEW_EVENT else obj


def _in_new_words(event: Obj) -> Obj:
    fields = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": event["metadata"],
        "eventTime": event.get("eventTime"),
        "reason": event.get("reason"),
        "note": event.get("message"),
        "type": event.get("type"),
        "action": event.get("action"),
        "regarding": event.get("involvedObject"),
        "reportingController": event.get("reportingComponent"),
        "reportingInstance": event.get("reportingInstance"),
        "series": event.get("series"),
        "deprecatedSource": event.get("source"),
        "deprecatedFirstTimestamp": event.get("firstTimestamp"),
        "deprecatedLastTimestamp": event.get("lastTimestamp"),
        "deprecatedCount": event.get("count"),
    }
    return {key: value for key, value in fields.items() if value is not None or key == "eventTime"}
