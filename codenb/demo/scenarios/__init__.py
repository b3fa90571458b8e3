"""The scenarios: known states with known answers, as data files.

A file gives what the world's registries hold and how its programs behave, and a history: what was applied and changed
how long ago. The failing state is not written down anywhere; the world lives through the history and arrives at it.

Keys of a file: `title`, `question`, `kind` (diagnose, review or plan), `target` (namespace and workload; for `plan` a
request: application, environment, replicas, resources, image), `expected` (cause, root and states; for `plan` votes
in place of cause and root), `base` (another file to begin with), `images` (repository: tags), `programs`
(see `codenb.demo.programs.Program`), `history` (a list of `ago` with `apply`, a list of manifests, or `patch`, a
strategic merge patch of one object). A file whose name begins with `_` is only a base.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from codenb.demo.objects import Obj
from codenb.demo.programs import Crash, Program, Talk, Unhealthy
from codenb.errors import BadInput, ConfigError

_FOLDER = Path(__file__).parent
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_KEYS = frozenset({"title", "question", "kind", "target", "expected", "base", "images", "programs", "history"})
_KINDS = ("diagnose", "review", "plan")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was done to the world.

    Attributes:
        ago: Seconds before the world is opened.
        apply: Manifests that were created.
        patch: `kind`, `namespace`, `name` and `body` of a strategic merge patch.
    """

    ago: int
    apply: tuple[Obj, ...] = ()
    patch: Obj | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    """A state of a cluster, the question that is asked of it, and the known answer.

    Attributes:
        name: The file's name.
        title: In one line.
        question: What a person would ask.
        kind: `diagnose`, `review` or `plan`.
        namespace: Of the workload that is looked at or asked for.
        workload: The deployment that is looked at or asked for.
        target: As the file gives it: for `plan` the whole request, with replicas, resources and image.
        expected: `cause`, `root` (kind, namespace, name) and `states`, the consensus states that are right; for `plan`
            cause and root are None and `votes` lists what may be recommended (tool, entity, field, value).
    """

    name: str
    title: str
    question: str
    kind: str
    namespace: str
    workload: str
    target: Mapping[str, Any]
    expected: Mapping[str, Any]
    images: Mapping[str, tuple[str, ...]] = field(repr=False)
    programs: tuple[Program, ...] = field(repr=False)
    history: tuple[Step, ...] = field(repr=False)


def names() -> list[str]:
    """The names of all scenarios, sorted."""
    return sorted(path.stem for path in _FOLDER.glob("*.yaml") if not path.stem.startswith("_"))


def check_name(name: str) -> None:
    """Refuse a name that is not one of a scenario.

    Raises:
        BadInput: There is no scenario of that name; the message lists those that there are.
    """
    if name not in names():
        raise BadInput(f"there is no scenario {name!r}: choose one of {', '.join(names())}")


@cache
def load(name: str) -> Scenario:
    """Read a scenario.

    Args:
        name: One of `names()`.

    Raises:
        BadInput: There is no scenario of that name.
        ConfigError: Its file cannot be used.
    """
    check_name(name)
    return load_file(_FOLDER / f"{name}.yaml")


def load_file(path: Path) -> Scenario:
    """Read a scenario from a file of your own; bases are looked for beside it, then among the built-in ones.

    Raises:
        ConfigError: The file cannot be read, or says something that cannot be.
    """
    data = _read(path)
    try:
        return _scenario(path.stem, data)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
        raise ConfigError(f"{path.name}: not a usable scenario: {what}") from error


def _read(path: Path) -> Obj:
    import yaml  # noqa: PLC0415 - the room is imported by owners that never read a scenario

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        data = yaml.load(path.read_text("utf-8"), Loader=loader)  # noqa: S506 - both are safe loaders
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path.name}: cannot be read as YAML: {' '.join(str(error).split())}") from error
    if not isinstance(data, dict) or not data.keys() <= _KEYS:
        odd = sorted(map(str, data.keys() - _KEYS)) if isinstance(data, dict) else type(data).__name__
        raise ConfigError(f"{path.name}: a scenario is a mapping with the keys {', '.join(sorted(_KEYS))}; found {odd}")
    if "base" not in data:
        return data
    base_path = path.parent / f"{data['base']}.yaml"
    base = _read(base_path if base_path.exists() else _FOLDER / f"{data['base']}.yaml")
    return (
        base
        | data
        | {
            "images": (base.get("images") or {}) | (data.get("images") or {}),
            "programs": [*(data.get("programs") or []), *(base.get("programs") or [])],
            "history": [*(base.get("history") or []), *(data.get("history") or [])],
        }
    )


def _scenario(name: str, data: Obj) -> Scenario:
    if data["kind"] not in _KINDS:
        raise ValueError(f"kind is {data['kind']!r}, not one of {', '.join(_KINDS)}")
    history = sorted((_step(step) for step in data["history"]), key=lambda step: -step.ago)
    target = data["target"]
    return Scenario(
        name=name,
        title=data["title"],
        question=data["question"],
        kind=data["kind"],
        namespace=target["environment" if data["kind"] == "plan" else "namespace"],
        workload=target["application" if data["kind"] == "plan" else "workload"],
        target=dict(target),
        expected={key: data["expected"][key] for key in ("cause", "root", "states")}
        | {"votes": tuple(data["expected"]["votes"] if data["kind"] == "plan" else ())},
        images={repository: tuple(map(str, tags)) for repository, tags in (data.get("images") or {}).items()},
        programs=tuple(_program(program) for program in data.get("programs") or []),
        history=tuple(history),
    )


def _step(data: Obj) -> Step:
    found = re.fullmatch(r"(\d+)([smhd])", str(data["ago"]))
    if not found:
        raise ValueError(f"ago is {data['ago']!r}, not a time such as 90s, 8m, 6h or 3d")
    patch = data.get("patch")
    if patch is not None and not patch.keys() >= {"kind", "namespace", "name", "body"}:
        raise ValueError("a patch needs kind, namespace, name and body")
    return Step(int(found[1]) * _UNITS[found[2]], tuple(data.get("apply") or ()), patch)


def _program(data: Obj) -> Program:
    fields = dict(data)
    talk = dict(fields.pop("talk", None) or {})
    for name in ("start", "lines", "vary"):
        if name in talk:
            talk[name] = tuple(map(str, talk[name]))
    crashes = [crash | {"log": tuple(crash.get("log") or ())} for crash in fields.pop("crashes", None) or []]
    unhealthy = fields.pop("unhealthy", None)
    return Program(
        executables=tuple(fields.pop("executables", None) or ()),
        crashes=tuple(Crash(**crash) for crash in crashes),
        unhealthy=Unhealthy(**unhealthy) if unhealthy else None,
        talk=Talk(**talk),
        **fields,
    )
