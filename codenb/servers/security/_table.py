"""Our own word on every policy: how bad, why, and what mends it.

checkov's checks carry no severity. Ours are in `data/`, one file a framework, each with its reason. High and critical
are kept for what hands over a node, a cluster, an account or data; what is only not the best is medium or low; what is
a matter of taste, or of a team's size, is style.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Literal

from codenb.models import Severity

Framework = Literal["kubernetes", "terraform", "docker"]

_GROUPS = {
    "critical": (Severity.CRITICAL, False),
    "high": (Severity.HIGH, False),
    "medium": (Severity.MEDIUM, False),
    "low": (Severity.LOW, False),
    "style": (Severity.LOW, True),
}
_PAGES = {
    "kubernetes": "https://www.checkov.io/5.Policy%20Index/kubernetes.html",
    "terraform": "https://www.checkov.io/5.Policy%20Index/terraform.html",
    "docker": "https://www.checkov.io/5.Policy%20Index/dockerfile.html",
}


@dataclass(frozen=True)
class Policy:
    """What a check's failure means.

    Attributes:
        severity: How bad.
        style: A matter of style.
        why: What goes wrong where it is not heeded, one sentence.
        remedy: What mends it.
        ranked: Whether the table names it; else these are the defaults.
    """

    severity: Severity
    style: bool
    why: str
    remedy: str = ""
    ranked: bool = True


UNRANKED = Policy(Severity.MEDIUM, style=False, why="", ranked=False)
"""A check that the table does not name: worth reading, but it stops no deployment by itself."""


@dataclass(frozen=True)
class Table:
    """The policies of a framework.

    Attributes:
        policies: By id of checkov's check.
        off: Checks that are not run, by id, each with the reason.
        link: The page that lists the checks.
    """

    policies: Mapping[str, Policy]
    off: Mapping[str, str]
    link: str

    def of(self, check: str) -> Policy:
        """What a check's failure means; of one that is not in the table `UNRANKED`."""
        return self.policies.get(check, UNRANKED)


@cache
def table(framework: Framework) -> Table:
    """The policies of a framework, read once.

    Args:
        framework: `kubernetes`, `terraform` or `docker`.
    """
    text = resources.files(__package__).joinpath("data", f"{framework}.toml").read_text("utf-8")
    groups = tomllib.loads(text)
    policies = {
        check: Policy(severity, style, entry["why"], entry["do"])
        for group, (severity, style) in _GROUPS.items()
        for check, entry in groups.get(group, {}).items()
    }
    for entry in groups.get("many", []):  # one word for many checks
        severity, style = _GROUPS[entry["severity"]]
        policies |= dict.fromkeys(entry["checks"], Policy(severity, style, entry["why"], entry["do"]))
    if framework == "terraform":  # kubernetes_* resources are judged by the same checks
        policies = {**table("kubernetes").policies, **policies}
    return Table(MappingProxyType(policies), MappingProxyType(groups.get("off", {})), _PAGES[framework])
