"""Which manager set which field: `metadata.managedFields`.

A change of one manager takes the fields it changed away from all others, as the real server does for updates; what an
apply takes and gives back is in `codenb.demo.applying`.
"""

from __future__ import annotations

from typing import NamedTuple

from codenb.demo import fieldset
from codenb.demo.forms import Form
from codenb.demo.objects import Obj

# What the server itself sets belongs to no manager.
_OWNERLESS = frozenset(
    {
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "generation",
        "managedFields",
        "name",
        "namespace",
        "resourceVersion",
        "selfLink",
        "uid",
    }
)


class Write(NamedTuple):
    """Who wrote, when and where.

    Attributes:
        manager: The field manager.
        api_version: Of the object.
        time: RFC 3339.
        subresource: `status` or `scale`, where the write went there.
        operation: `Update`, or `Apply` for server-side apply.
    """

    manager: str
    api_version: str
    time: str
    subresource: str = ""
    operation: str = "Update"

    def wrote(self, entry: Obj) -> bool:
        """Whether an entry of `managedFields` is of this manager, operation and place."""
        have = (entry["manager"], entry["operation"], entry.get("subresource", ""))
        return have == (self.manager, self.operation, self.subresource)

    def entry(self, fields: fieldset.Fields) -> Obj:
        """The entry of `managedFields` that this write leaves."""
        made: Obj = {
            "manager": self.manager,
            "operation": self.operation,
            "apiVersion": self.api_version,
            "time": self.time,
        }
        made |= {"fieldsType": "FieldsV1", "fieldsV1": fields}
        return made | ({"subresource": self.subresource} if self.subresource else {})


def record(before: Obj | None, after: Obj, write: Write, form: Form) -> list[Obj]:
    """The managed fields of an object that one manager has just written.

    Args:
        before: The object as it was; None for a new one.
        after: The object as it is about to be stored, without new managed fields.
        write: The write; an update.
        form: How objects of its kind are merged.

    Returns:
        The new `managedFields` list.
    """
    before = before or {}
    old, new = owned(before), owned(after)
    changed, lost = fieldset.difference_of(new, old, form), fieldset.difference_of(old, new, form)
    entries: list[Obj] = before.get("metadata", {}).get("managedFields", [])
    if not changed and not lost:
        return entries
    mine: fieldset.Fields = {}
    left = []
    for entry in entries:
        fields = fieldset.minus(entry["fieldsV1"], lost)
        if write.wrote(entry):
            mine = fields
        else:
            left.append(entry | {"fieldsV1": fieldset.minus(fields, changed)})
    if changed:
        left.append(write.entry(fieldset.union(mine, changed)))
    else:
        left += [entry | {"fieldsV1": mine} for entry in entries if write.wrote(entry)]
    return ordered(left)


def ordered(entries: list[Obj]) -> list[Obj]:
    """Entries that own something, in the order of the real server: applies first, then by time."""
    found = [entry for entry in entries if entry["fieldsV1"]]
    return sorted(found, key=lambda entry: (entry["operation"], entry["time"], entry["manager"]))


def owned(obj: Obj) -> Obj:
    """The part of an object that managers own."""
    own = {key: value for key, value in obj.items() if key not in ("kind", "apiVersion", "metadata")}
    metadata = {key: value for key, value in obj.get("metadata", {}).items() if key not in _OWNERLESS}
    return own | ({"metadata": metadata} if metadata else {})


def ownerless(metadata: Obj) -> Obj:
    """The part of an object's metadata that no manager owns."""
    return {key: value for key, value in metadata.items() if key in _OWNERLESS}
