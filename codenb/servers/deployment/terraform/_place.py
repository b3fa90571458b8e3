"""Which state a workspace has: where it is kept, which one it is, and what is in it."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from codenb.canonical import digest
from codenb.errors import BadInput
from codenb.models.target import Place
from codenb.redaction import Redactor
from codenb.servers.deployment.terraform._program import Program
from codenb.servers.deployment.terraform._secrets import Secrets

_MOST_MOVED = 4


@dataclass(frozen=True, slots=True)
class State:
    """What one state is, without its values.

    Attributes:
        lineage: Which state; empty where there is none yet.
        serial: Which version of it.
        instances: What stands for the values of each resource instance, by address.
    """

    lineage: str = ""
    serial: int = 0
    instances: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str, secrets: Secrets) -> Self:
        """Of what `state pull` prints; nothing is no state yet.

        Raises:
            BadInput: It is not a state of version 4.
        """
        if not text.strip():
            return cls()
        try:
            data = json.loads(text)
            instances = {address: secrets.sealed(values) for address, values in _instances(data)}
            return cls(str(data.get("lineage", "")), int(data.get("serial", 0)), instances)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise BadInput(f"the state is not in the form of version 4: {error}") from error

    def to_dict(self) -> dict[str, Any]:
        """As JSON data."""
        return asdict(self)

    def moved(self, now: State) -> str:
        """What is not as it was, in a few words; empty where nothing moved."""
        if (self.lineage, self.serial) == (now.lineage, now.serial):
            return ""
        if self.lineage != now.lineage and self.lineage:
            return "it is another state (the lineage differs)" if now.lineage else "the state is gone"
        changed = [
            f"{address} {_how(address in self.instances, address in now.instances)}"
            for address in sorted(self.instances.keys() | now.instances.keys())
            if self.instances.get(address) != now.instances.get(address)
        ]
        more = [f"and {len(changed) - _MOST_MOVED} more"] if len(changed) > _MOST_MOVED else []
        named = ", ".join([*changed[:_MOST_MOVED], *more]) or "no resource; outputs or checks at most"
        return f"serial {self.serial} -> {now.serial}: {named}"


async def place_of(program: Program, folder: Path, redactor: Redactor, shown: str) -> Place:
    """Which state a folder's runs act on: backend, and workspace in it.

    Args:
        program: Asked for the workspace's name.
        folder: The root module.
        redactor: Knows which settings of the backend are credentials; they are no part of the identity.
        shown: The folder, as it was named.
    """
    ran = await program.run(["workspace", "show"], folder)
    name = ran.stdout.strip() or "default"
    kind, config = await asyncio.to_thread(_backend, folder)
    if kind == "local":
        where = str((folder / str(config.get("path") or "terraform.tfstate")).resolve())
        address = where
    else:
        plain = {key: value for key, value in config.items() if value is not None and _is_plain(key, value, redactor)}
        where, address = digest(plain)[:16], f"{kind} backend of {shown}"
    return Place(
        kind="workspace", name=f"{shown} ({name})", address=address, identity=f"terraform:{kind}:{where}:{name}"
    )


def data_dir(folder: Path) -> Path:
    """Where the program keeps what `init` made."""
    return folder / os.environ.get("TF_DATA_DIR", ".terraform")


def _backend(folder: Path) -> tuple[str, Mapping[str, Any]]:
    try:
        backend = json.loads((data_dir(folder) / "terraform.tfstate").read_text("utf-8")).get("backend") or {}
        return str(backend.get("type") or "local"), backend.get("config") or {}
    except FileNotFoundError:
        return "local", {}
    except (OSError, ValueError, AttributeError) as error:
        raise BadInput(
            f"{data_dir(folder) / 'terraform.tfstate'} cannot be read: run init again in {folder}"
        ) from error


def _is_plain(key: str, value: Any, redactor: Redactor) -> bool:
    return bool(redactor.value({key: value}) == {key: value})


def _instances(data: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for resource in data.get("resources", []):
        module = f"{resource['module']}." if resource.get("module") else ""
        mode = "data." if resource.get("mode") == "data" else ""
        for instance in resource.get("instances", []):
            key = instance.get("index_key")
            index = "" if key is None else f"[{json.dumps(key)}]"
            deposed = f" (deposed {instance['deposed']})" if instance.get("deposed") else ""
            values = {name: instance.get(name) for name in ("attributes", "attributes_flat", "status")}
            yield f"{module}{mode}{resource['type']}.{resource['name']}{index}{deposed}", values


def _how(was: bool, there: bool) -> str:  # noqa: FBT001  two plain facts
    return "changed" if was and there else "was removed" if was else "was added"
