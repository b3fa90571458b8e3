"""What the containers of a scenario do when they run, as rules over their spec.

A fault is never a mark on a pod: a process that needs 150 MB dies under a limit of 128Mi and lives under 256Mi, an
image has the tags its registry holds and the executables it was built with. So a change that mends the cause mends
the world, and one that does not, does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from codenb.demo import quantity
from codenb.demo.objects import Obj, dig

_LOG_LINES = 2000  # the most that is made up for one run of a container


@dataclass(frozen=True, slots=True)
class Crash:
    """One way for a process to end.

    Attributes:
        after: Seconds from its start.
        exit_code: 137 where it is killed.
        reason: `Error`, `OOMKilled` or `Completed`.
        log: Its last lines.
        unless_env: It ends so only where this variable is not set.
        needs_memory: It ends so only under a memory limit below this quantity.
    """

    after: float
    exit_code: int = 1
    reason: str = "Error"
    log: tuple[str, ...] = ()
    unless_env: str = ""
    needs_memory: str = ""

    def happens(self, container: Obj) -> bool:
        """Whether a container with this spec ends this way."""
        if self.unless_env and any(variable["name"] == self.unless_env for variable in container.get("env") or []):
            return False
        if not self.needs_memory:
            return True
        limit = dig(container, "resources", "limits", "memory")
        return limit is not None and quantity.parse(limit) < quantity.parse(self.needs_memory)


@dataclass(frozen=True, slots=True)
class Unhealthy:
    """A readiness probe that fails now and then, without making the container unready.

    Attributes:
        every: Seconds between two failures.
        message: What the probe reports; `{ip}` is the pod's address.
    """

    every: float
    message: str


@dataclass(frozen=True, slots=True)
class Talk:
    """What a process writes.

    Attributes:
        start: Its first lines.
        every: Seconds between two rounds of `lines`; 0 for none.
        lines: Written each round; `{time}` is the moment, `{pod}` the pod, `{n}` the round, `{vary}` one of `vary`.
        vary: Values that take turns.
    """

    start: tuple[str, ...] = ()
    every: float = 0.0
    lines: tuple[str, ...] = ()
    vary: tuple[str, ...] = ("",)


@dataclass(frozen=True, slots=True)
class Program:
    """How a container behaves whose image matches.

    Attributes:
        image: A pattern (`*` and `?`) over the whole image reference.
        executables: What the image can run; empty for anything.
        port: What it listens on; a probe of another one is refused. 0 for all that it is asked on.
        ready_after: Seconds from its start until its readiness probe first succeeds.
        crashes: The first that happens is how it ends; none for a process that keeps running.
        unhealthy: Set where its readiness probe sometimes fails.
        talk: Its log.
        cpu: What it takes while it runs, in cores.
        memory: Likewise, in bytes; a process that needs more before it crashes grows to that.
    """

    image: str
    executables: tuple[str, ...] = ()
    port: int = 0
    ready_after: float = 0.4
    crashes: tuple[Crash, ...] = ()
    unhealthy: Unhealthy | None = None
    talk: Talk = Talk()
    cpu: str = "15m"
    memory: str = "40Mi"

    def missing_executable(self, container: Obj) -> str:
        """The executable that the container's command names and the image lacks; empty where it can start."""
        command = container.get("command") or []
        name = str(command[0]) if command else ""
        return name if self.executables and name and name not in self.executables else ""

    def refusal(self, container: Obj, ip: str) -> str:
        """Why the readiness probe of a container with this spec gets no answer; empty where it gets one."""
        probe = container["readinessProbe"]
        asked = dig(probe, "httpGet", "port") or dig(probe, "tcpSocket", "port")
        named = {port.get("name"): port["containerPort"] for port in container.get("ports") or []}
        port = named.get(asked, asked)
        if not self.port or port in (None, self.port):
            return ""
        refused = f"dial tcp {ip}:{port}: connect: connection refused"
        path = dig(probe, "httpGet", "path", default="/")
        return f'Get "http://{ip}:{port}{path}": {refused}' if "httpGet" in probe else refused

    def end(self, container: Obj) -> Crash | None:
        """How a container with this spec ends; None where it does not."""
        return next((crash for crash in self.crashes if crash.happens(container)), None)


_DEFAULT = Program(image="*")


class Registry:
    """The images that can be pulled and what they do.

    Args:
        images: Repository to its tags. A repository that is not here has every tag, unless its host is under
            `.invalid`, a name that no resolver knows (RFC 6761).
        programs: Searched in order.
    """

    def __init__(self, images: dict[str, tuple[str, ...]], programs: Sequence[Program]) -> None:
        self._images = images
        self._programs = programs

    def pull_error(self, image: str) -> str:
        """Why an image cannot be pulled, in containerd's words; empty where it can."""
        repository, tag = _split(image)
        full = _full(image)
        failed = f'failed to pull and unpack image "{full}": failed to resolve reference "{full}":'
        host, _, path = repository.partition("/")
        name = host.partition(":")[0]
        if name.endswith(".invalid"):
            asked = f"https://{host}/v2/{path}/manifests/{tag}"
            why = f'failed to do request: Head "{asked}": dial tcp: lookup {name} on 10.96.0.10:53: no such host'
            return f"rpc error: code = Unknown desc = {failed} {why}"
        if repository not in self._images or tag in self._images[repository]:
            return ""
        return f"rpc error: code = NotFound desc = {failed} {full}: not found"

    def program(self, image: str) -> Program:
        """What a container of an image does."""
        return next((program for program in self._programs if fnmatchcase(image, program.image)), _DEFAULT)


def _split(image: str) -> tuple[str, str]:
    head, slash, last = image.rpartition("/")
    name, _, tag = last.partition("@")[0].partition(":")
    return f"{head}{slash}{name}", tag or "latest"


def _full(image: str) -> str:
    """The reference with the registry that a bare one means."""
    repository, tag = _split(image)
    first, slash, _ = repository.partition("/")
    if not slash:
        repository = f"docker.io/library/{repository}"
    elif not any(sign in first for sign in ".:"):
        repository = f"docker.io/{repository}"
    return f"{repository}:{tag}"


@dataclass(slots=True)
class Run:
    """One run of a container's process.

    Attributes:
        started: The moment it began.
        ended: The moment it ended; None while it runs.
        end: How; None while it runs or where it was stopped from outside.
    """

    pod: str
    program: Program
    started: float
    ended: float | None = None
    end: Crash | None = None

    def log(self, now: float) -> list[tuple[float, str]]:
        """The lines written so far, each with its moment."""
        talk = self.program.talk
        until = now if self.ended is None else self.ended
        lines = [(self.started + 0.02 * at, line) for at, line in enumerate(talk.start, 1)]
        lines = [(moment, self._line(line, 0)) for moment, line in lines if moment <= until]
        if talk.every:
            last = int((until - self.started) / talk.every)
            for number in range(max(1, last - _LOG_LINES), last + 1):
                moment = self.started + number * talk.every
                lines += [(moment, self._line(line, number)) for line in talk.lines]
        if self.end is not None and self.ended is not None:
            lines += [(self.ended, self._line(line, 0)) for line in self.end.log]
        return lines[-_LOG_LINES:]

    def _line(self, line: str, number: int) -> str:
        vary = self.program.talk.vary
        return line.replace("{pod}", self.pod).replace("{n}", str(number)).replace("{vary}", vary[number % len(vary)])
