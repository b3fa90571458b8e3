"""Server-side apply: one manager says which fields it wants and with which values, and owns them from then on.

What it changes of another manager's is a conflict unless it is forced; what it named the last time and no longer
does goes, unless somebody else named it too. The steps are those of structured-merge-diff's `Updater.Apply`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from codenb.demo import fieldset
from codenb.demo.fieldset import Fields
from codenb.demo.forms import Form
from codenb.demo.managed import Write, ordered, owned, ownerless
from codenb.demo.objects import Obj
from codenb.demo.status import apply_conflict, untyped


class Applied(NamedTuple):
    """What an apply comes to.

    Attributes:
        obj: The object as it would be, before its defaults.
        owners: Its new `managedFields`.
    """

    obj: Obj
    owners: list[Obj]


def apply(live: Obj | None, config: Obj, write: Write, form: Form, *, force: bool) -> Applied:
    """Merge a configuration into an object.

    Args:
        live: The object as it is stored; None where there is none.
        config: What the manager wants, checked to have the right types; `apiVersion` and `kind` with it.
        write: The write; an apply.
        form: How objects of its kind are merged.
        force: Take the fields of other managers.

    Raises:
        ApiError: 409 with the fields that belong to others; 500, as the real server has it, for lists whose entries
            lack their key or have the same one.
    """
    _check_entries(config, form, config)
    before = live or {"metadata": {}}
    entries: list[Obj] = before["metadata"].get("managedFields", [])
    mine = next((entry for entry in entries if write.wrote(entry)), None)
    others = [entry for entry in entries if entry is not mine]
    old, wanted = owned(before), owned(config)
    fields = fieldset.of(wanted, form)
    new: Obj = _merge(old, wanted, form)
    if mine is not None:
        new = _pruned(new, [fields, *(entry["fieldsV1"] for entry in others)], mine["fieldsV1"], form)
    changed, lost = fieldset.difference_of(new, old, form), fieldset.difference_of(old, new, form)
    if not force:
        _refuse_conflicts(others, changed, write)
    metadata = ownerless(before["metadata"]) | ownerless(config["metadata"]) | new.get("metadata", {})
    obj = {"apiVersion": config["apiVersion"], "kind": config["kind"]} | new | {"metadata": metadata}
    if mine is not None and not changed and not lost and mine["fieldsV1"] == fields:
        return Applied(obj, entries)  # nothing is new, and so the time of the entry is not
    gone = fieldset.union(changed, lost)
    left = [entry | {"fieldsV1": fieldset.minus(entry["fieldsV1"], gone)} for entry in others]
    return Applied(obj, ordered([*left, write.entry(fields)]))


def _refuse_conflicts(others: list[Obj], changed: Fields, write: Write) -> None:
    found = [
        (_manager(entry), path)
        for entry in sorted(others, key=lambda entry: str(entry["manager"]))
        # What the same program set by an update is its to change again; what it set through a subresource is not.
        if entry["manager"] != write.manager or entry.get("subresource", "") != write.subresource
        for path in fieldset.paths(fieldset.common(entry["fieldsV1"], changed))
    ]
    if found:
        raise apply_conflict(found)


def _manager(entry: Obj) -> str:
    """A manager as messages name it."""
    name = f'"{entry["manager"]}"'
    if entry.get("subresource"):
        name += f' with subresource "{entry["subresource"]}"'
    return f"{name} using {entry['apiVersion']}" if entry["operation"] == "Update" else name


def _merge(live: Any, config: Any, form: Form) -> Any:
    """The live value with what the configuration says over it."""
    if isinstance(live, dict) and isinstance(config, dict) and not form.atomic:
        result = dict(live)
        for name, value in config.items():
            result[name] = _merge(live[name], value, form.below(name)) if name in live else value
        return result
    if isinstance(live, list) and isinstance(config, list) and (form.keys or form.is_set):
        return _merge_lists(fieldset.parts(live, form), fieldset.parts(config, form))
    return config


def _merge_lists(live: dict[str, tuple[Any, Form]], config: dict[str, tuple[Any, Form]]) -> list[Any]:
    """The entries of both; those of the configuration in its order, the others where they stood."""
    result: list[Any] = []
    wanted = list(config)
    for key, (item, _) in live.items():
        if key not in config:
            result.append(item)
        elif key in wanted:
            upto = wanted.index(key) + 1
            result += [_entry(live, config, each) for each in wanted[:upto]]
            del wanted[:upto]
    return result + [_entry(live, config, each) for each in wanted]


def _entry(live: dict[str, tuple[Any, Form]], config: dict[str, tuple[Any, Form]], key: str) -> Any:
    item, form = config[key]
    return _merge(live[key][0], item, form) if key in live else item


def _pruned(merged: Obj, owners: list[Fields], last: Fields, form: Form) -> Obj:
    """The merged object without what the manager named the last time and nobody names now."""
    last = fieldset.with_parents(last, form)
    everything = _members(merged, form)
    kept: Fields = {}
    for fields in owners:
        kept = fieldset.union(kept, fields)
    kept = fieldset.with_parents(kept, form)
    left = _members(fieldset.without(merged, last, form), form)
    left = _members(_less(merged, everything, fieldset.union(left, kept), form), form)
    return fieldset.without(merged, fieldset.common(fieldset.minus(everything, left), last), form) or {}


def _less(merged: Obj, everything: Fields, kept: Fields, form: Form) -> Any:
    return fieldset.without(merged, fieldset.minus(everything, kept), form)


def _members(obj: Any, form: Form) -> Fields:
    return fieldset.with_parents(fieldset.of(obj or {}, form), form)


def _check_entries(value: Any, form: Form, config: Obj, way: str = "") -> None:
    """Refuse lists in which an entry cannot be told from the others."""
    if isinstance(value, list) and (form.keys or form.is_set):
        seen: set[str] = set()
        for index, item in enumerate(value):
            try:
                key = fieldset.entry_key(item, form)
            except fieldset.KeyMissing as error:
                raise untyped(config, f"{way}: element {index}: {error}") from error
            shown = next(fieldset.paths({key: {}}))
            if key in seen:
                raise untyped(config, f"{way}: duplicate entries for key {shown}")
            seen.add(key)
            if isinstance(item, dict):
                for name, below in item.items():
                    _check_entries(below, form.below(name), config, f"{way}{shown}.{name}")
    elif isinstance(value, dict) and not form.atomic:
        for name, below in value.items():
            _check_entries(below, form.below(name), config, f"{way}.{name}")
