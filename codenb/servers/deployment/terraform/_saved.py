"""Saved plans: the very file that is applied, kept where only its owner can read it, for a day.

A plan file holds what it plans in the clear, and so do the variables; they are here and nowhere else, and go when the
plan was applied.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from codenb.errors import ConfigError
from codenb.servers._base._sealing import PREFIX
from codenb.servers.deployment.terraform._place import State
from codenb.servers.deployment.terraform._secrets import Secrets
from codenb.servers.deployment.terraform._variables import private

KEPT_S = 24 * 3600
APPLIED_KEPT_S = 3600
"""The variables alone, so that whether the apply worked can be looked up by planning once more."""

_ID = re.compile(r"[0-9a-f]{32}-[0-9a-f]{8}")
_DIGEST_CHARS = 32


@dataclass(frozen=True, slots=True)
class About:
    """What a saved plan was made of, without secrets.

    Attributes:
        workspace: Folder, absolute.
        address: The resource that it was narrowed to; empty is all.
        variables: What stands for each variable that was given.
        secret: Whether one of them holds a secret.
        state: What it was made on.
        digest: Of what it does.
    """

    workspace: str
    address: str
    variables: dict[str, str]
    secret: bool
    state: State
    digest: str


@dataclass(frozen=True, slots=True)
class Saved:
    """One saved plan.

    Attributes:
        folder: Its own.
    """

    folder: Path

    @property
    def plan_id(self) -> str:
        """Its name: the beginning of its digest, and some digits of its own."""
        return self.folder.name

    @property
    def plan(self) -> Path:
        """The plan file."""
        return self.folder / "plan.bin"

    @property
    def variables(self) -> Path:
        """The variable file."""
        return self.folder / "variables.json"

    @property
    def log(self) -> Path:
        """What the program said while it applied this; there as soon as that began."""
        return self.folder / "apply.jsonl"

    @property
    def begun(self) -> bool:
        """Whether it was begun to apply this."""
        return self.log.exists()

    @property
    def running(self) -> bool:
        """Whether it is being applied now, by whichever process: the program holds a lock on its log."""
        try:
            with self.log.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def about(self) -> About:
        """What it was made of.

        Raises:
            ConfigError: Its file is not as it was written.
        """
        try:
            data = json.loads((self.folder / "about.json").read_text("utf-8"))
            return About(**data | {"state": State(**data["state"])})
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise ConfigError(f"the saved plan {self.plan_id} cannot be read: plan again") from error

    def given(self) -> dict[str, JsonValue]:
        """The variables that it was made with."""
        try:
            given: dict[str, JsonValue] = json.loads(self.variables.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        return given

    def applied(self) -> None:
        """Delete it; secret variables stay a while, so that whether it worked can be seen by planning once more."""
        secret = self.about().secret
        for path in (self.plan, self.log):
            path.unlink(missing_ok=True)
        if secret:
            private(self.folder / "applied", "")
        else:
            self.delete()

    def delete(self) -> None:
        """Delete all of it."""
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Plans:
    """The saved plans of one project.

    Attributes:
        folder: `plans` in its state folder.
    """

    folder: Path

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder to make a plan in; gone afterwards, unless it was kept."""
        self.sweep()
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.folder.chmod(0o700)
            made = self.folder / f"making-{secrets.token_hex(8)}"
            made.mkdir(mode=0o700)
        except OSError as error:
            raise ConfigError(f"{self.folder} cannot be written: {error.strerror or error}") from error
        try:
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)

    def keep(self, made: Path, about: About) -> Saved:
        """Keep what was made in a scratch folder, under a name that begins with its digest."""
        private(made / "about.json", json.dumps(asdict(about)))
        for path in made.iterdir():
            path.chmod(0o600)
        saved = Saved(self.folder / f"{about.digest[:_DIGEST_CHARS]}-{secrets.token_hex(4)}")
        made.replace(saved.folder)
        return saved

    def find(self, plan_id: str) -> Saved | None:
        """The plan of this name, where it was made here and can still be applied or looked at."""
        if not _ID.fullmatch(plan_id):
            return None
        saved = Saved(self.folder / plan_id)
        return saved if saved.plan.exists() else None

    def opened(self, given: Mapping[str, JsonValue], sealing: Secrets) -> dict[str, JsonValue]:
        """Variables with what stands for a secret replaced by the secret, where it is kept here.

        A success condition says with which variables to plan again, and must not hold their secrets.
        """
        sealed = {name for name, value in given.items() if isinstance(value, str) and is_sealed(value)}
        found = dict(given)
        for path in sorted(self.folder.glob("*/variables.json")) if sealed else ():
            try:
                kept: dict[str, Any] = json.loads(path.read_text("utf-8"))
            except (OSError, ValueError):  # being deleted, or another process's half of one
                continue
            found |= {name: kept[name] for name in sealed & kept.keys() if sealing.sealed(kept[name]) == given[name]}
        return found

    def sweep(self) -> None:
        """Delete what is old; what is being applied stays."""
        now = time.time()
        for folder in self.folder.iterdir() if self.folder.is_dir() else ():
            with contextlib.suppress(OSError):  # another process sweeps too
                age = now - folder.stat().st_mtime
                kept = APPLIED_KEPT_S if (folder / "applied").exists() else KEPT_S
                if age > kept and not Saved(folder).running:
                    shutil.rmtree(folder, ignore_errors=True)


def same_plan(plan_id: str, digest: str) -> bool:
    """Whether a plan of this name does what this digest is of."""
    return bool(_ID.fullmatch(plan_id)) and plan_id.startswith(digest[:_DIGEST_CHARS])


def is_plan_id(text: str) -> bool:
    """Whether this could name a plan."""
    return bool(_ID.fullmatch(text))


def is_sealed(value: str) -> bool:
    """Whether this stands for a secret."""
    return value.startswith(PREFIX)
