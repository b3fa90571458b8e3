"""Containers that end: a command that cannot run, a variable that is missing, a program that fails."""

from __future__ import annotations

import re
from collections.abc import Iterator

from codenb.models import Cause, Entity, Finding, Remedy
from codenb.servers.kubernetes.analyzers._case import Case, changeable, lines_like, made, well
from codenb.servers.kubernetes.snapshot import ABSENT, ContainerState, Pod, Workload

_NO_COMMAND = re.compile(
    r"executable file not found|exec(?:ve|) ?(?:format error|failed)|exec: \"|command not found|: not found$"
    r"|no such file or directory: unknown|unknown (?:command|flag|option|subcommand)|cannot execute"
    r"|unrecognized (?:command|option|argument)|(?:cannot|can't|could not) (?:open|find|load) (?:file|main|module)"
    r"|unknown directive|is not recognized",
    re.IGNORECASE,
)
_START = frozenset({"StartError", "RunContainerError", "ContainerCannotRun", "CreateContainerError"})
_OFTEN = 3
_CANNOT_EXECUTE, _NOT_FOUND = 126, 127

_NAME = r"['\"`$\{]*(?P<name>[A-Z][A-Z0-9]*_[A-Z0-9_]+|[A-Z][A-Z0-9]{3,})['\"`\}]*"
_MISSING = (
    r"(?:missing|required|not set|unset|undefined|not defined|not found|must be set|must be provided|is empty|absent)"
)
_MISSING_ENV = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?i:env(?:ironment)?(?: variable| var)?s?)\b[^A-Z]{{0,40}}{_NAME}[^\n]{{0,40}}?(?i:{_MISSING})",
        rf"(?i:{_MISSING})[^\n]{{0,40}}?(?i:env|environment|variable|setting|config(?:uration)?)[^A-Z\n]{{0,30}}{_NAME}",
        rf"{_NAME}\s*(?::|=|is|was|has|environment variable)*\s*(?i:(?:is|was|been|a)?\s*{_MISSING})",
        rf"(?i:KeyError|NameError|missing key|required key|no value for|must set|please set)\W{{0,12}}{_NAME}",
        rf"{_NAME}: (?i:parameter (?:null or )?not set|unbound variable)",
    )
)
_NOT_NAMES = frozenset(
    {"ERROR", "FATAL", "WARN", "WARNING", "INFO", "DEBUG", "PANIC", "CRITICAL", "HTTP", "JSON", "NULL"}
)
_FAILURE = re.compile(r"error|fatal|panic|exception|traceback|cannot|could not|failed|abort", re.IGNORECASE)


def crashing(case: Case) -> Iterator[Finding]:
    """A container ends with an error, or cannot be started at all."""
    for pod, state, workload in case.states():
        code = state.exit_code if state.state == "terminated" else state.last_exit_code
        starts = state.reason in _START or state.last_reason in _START
        if "OOMKilled" in (state.reason, state.last_reason) or not (starts or (code and _again(pod, state))):
            continue
        found = _command(case, pod, state, workload, code, starts=starts) or _env(case, pod, state, workload)
        yield found or _program(case, pod, state, workload, code)


def _again(pod: Pod, state: ContainerState) -> bool:
    """Whether it goes on: a container that crashed once and is well since is none of ours."""
    return not (pod.ready and well(state)) or state.restarts >= _OFTEN


def _command(
    case: Case, pod: Pod, state: ContainerState, workload: Workload | None, code: int | None, *, starts: bool
) -> Finding | None:
    said = next((one for one in (state.last_message, state.message) if _NO_COMMAND.search(one)), "")
    box = case.container(workload, state.name) if workload else None
    lines = lines_like(_NO_COMMAND, case.logs(workload, state.name)) if workload else []
    replaced = bool(box and (box.command or box.args))
    if not said and not starts and code not in (_CANNOT_EXECUTE, _NOT_FOUND) and not (lines and replaced):
        return None
    root = case.snapshot.owner_of(pod)
    told = said or (lines[0][1] if lines else state.last_message or state.message)
    command = " ".join([*box.command, *box.args]) if box else ""
    what = "init container" if state.init else "container"
    group = f"command of {root}"
    changed = [one for one in case.last_changes(workload) if ".command" in one or ".args" in one] if workload else []
    remedies = case.back(workload, group, "which had another command") if changed else []
    return made(
        "crashes/command",
        Cause.CRASH_COMMAND,
        case.severity(workload),
        entity=case.entity("Pod", pod.name),
        root=root,
        message=f"{what} {state.name} of {root} cannot run its command" + (f": {command[:120]}" if command else ""),
        quotes=[told, *changed, f"last_exit_code: {code}" if state.last_exit_code and not told else ""],
        remedies=[*remedies, Remedy(text=f"correct the command of {what} {state.name}, or use an image that has it")],
    )


def _env(case: Case, pod: Pod, state: ContainerState, workload: Workload | None) -> Finding | None:
    if workload is None:
        return None
    box = case.container(workload, state.name)
    for name, quote in _missing_names(case, workload, state):
        if name in box.env or name in _NOT_NAMES:
            continue
        root = case.snapshot.owner_of(pod)
        path = f"{'initContainers' if state.init else 'containers'}[{state.name}].env[{name}]: "
        removed = next((one for one in case.last_changes(workload) if one.startswith(path)), "")
        return made(
            "crashes/missing-env",
            Cause.MISSING_ENV,
            case.severity(workload),
            entity=case.entity("Pod", pod.name),
            root=root,
            message=f"container {state.name} of {root} ends because its environment has no {name}",
            quotes=[quote, removed],
            remedies=_env_remedies(case, workload, state.name, name, root),
        )
    return None


def _missing_names(case: Case, workload: Workload, state: ContainerState) -> Iterator[tuple[str, str]]:
    for pattern in _MISSING_ENV:
        for _, line, match in lines_like(pattern, case.logs(workload, state.name)):
            yield match["name"], line
        if said := pattern.search(state.last_message):
            yield said["name"], state.last_message


def _env_remedies(case: Case, workload: Workload, container: str, name: str, root: Entity) -> list[Remedy]:
    """The value comes from the revision before, never from what the program wrote."""
    words = Remedy(text=f"set {name} in the environment of container {container}")
    before = case.previous(workload)
    boxes = before.containers if before else ()
    value = next((one.env.get(name) for one in boxes if one.name == container), None)
    if value is None:
        return [words]
    group = f"environment of {root}"
    remedies = case.back(workload, group, f"which had {name}")
    if changeable(workload) and value and not value.startswith("<"):  # hidden, redacted, or from elsewhere
        text = f"set {name} to {value!r} again, as the previous revision had it"
        values = {"env": {name: value}}
        remedies.insert(0, case.patched(workload, container, values, text=text, group=group))
    return [*remedies, words]


def _program(case: Case, pod: Pod, state: ContainerState, workload: Workload | None, code: int | None) -> Finding:
    root = case.snapshot.owner_of(pod)
    lines = lines_like(_FAILURE, case.logs(workload, state.name)) if workload else []
    said = lines[0][1] if lines else state.last_message or state.message
    known = bool(lines or state.last_message)
    what = "init container" if state.init else "container"
    changed = list(case.last_changes(workload))[:1] if workload else []
    reason = state.last_reason or state.reason
    version = _new_version(case, pod, state, workload)
    cause = Cause.VERSION_REGRESSION if version else Cause.CRASH_APPLICATION if known else Cause.CRASH_LOOP
    return made(
        "crashes/program",
        cause,
        case.severity(workload),
        entity=case.entity("Pod", pod.name),
        root=root,
        message=f"{what} {state.name} of {root} ends with exit code {code}"
        + (f" ({reason})" if reason else "")
        + (" since its image was changed" if version else ""),
        quotes=[
            said,
            version,
            f"last_exit_code: {state.last_exit_code}" if state.last_exit_code else f"reason: {reason}",
        ],
        remedies=[
            *(case.back(workload, f"program of {root}", "before this began") if changed else []),
            Remedy(text=f"read the log of {pod.name}: the program ends by itself"),
        ],
    )


def _new_version(case: Case, pod: Pod, state: ContainerState, workload: Workload | None) -> str:
    """The line of the newest revision that gave the container another image; empty where that explains nothing.

    It explains a crash on that revision only, and none that pods of an older one have too.
    """
    revisions = case.snapshot.revisions(workload.name) if workload and workload.kind == "Deployment" else []
    if workload is None or not revisions or pod.replica_set != revisions[0].name:
        return ""
    older = [one for one in case.pods_of(workload) if one.replica_set != pod.replica_set]
    if any(box.name == state.name and box.last_exit_code for one in older for box in one.containers):
        return ""
    path = f"{'initContainers' if state.init else 'containers'}[{state.name}].image: "
    return next((one for one in revisions[0].changes if one.startswith(path) and not _was_absent(one)), "")


def _was_absent(line: str) -> bool:
    return f": {ABSENT} -> " in line
