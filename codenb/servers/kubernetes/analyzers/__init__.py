"""What is wrong with a namespace, told from its snapshot by rules.

One file a subject; each analyzer is a pure function that yields findings. Here they are run and put in order: causes
before symptoms, what the question is about before the rest, the most severe first. Shared by the tool `diagnose` and
the expert `rules`.
"""

from __future__ import annotations

from collections.abc import Iterator

from codenb.models import Finding
from codenb.models._yaml import as_yaml
from codenb.servers.kubernetes.analyzers import (
    crashes,
    images,
    limits,
    logs,
    memory,
    probes,
    references,
    rollouts,
    scheduling,
    services,
    storage,
)
from codenb.servers.kubernetes.analyzers._case import Analyzer, Case
from codenb.servers.kubernetes.snapshot import Snapshot

__all__ = ["analyze"]

# In an order that decides between equals: what keeps a container from starting, then what ends it, then the rest.
_ANALYZERS: tuple[Analyzer, ...] = (
    images.image_pull,
    references.missing_references,
    references.missing_account,
    memory.oom_killed,
    crashes.crashing,
    storage.claims,
    storage.missing_claims,
    storage.mounts,
    scheduling.unschedulable,
    limits.refused_pods,
    logs.network,
    logs.permissions,
    logs.pools,
    logs.environments,
    logs.dependencies,
    probes.probes,
    services.services,
    services.ingresses,
    limits.autoscalers,
    scheduling.nodes,
    scheduling.evicted,
    rollouts.jobs,
    limits.budgets,
    rollouts.stuck,
)

# A program that ends by itself, or a change that came just before: right only where nothing says it more exactly.
_LOOSE = ("crashes/program", "rollouts/job")


def analyze(snapshot: Snapshot) -> list[Finding]:
    """Everything that the rules find in a snapshot.

    Args:
        snapshot: Of a namespace, trimmed or whole.

    Returns:
        Findings, the likeliest cause of what was asked about first. None where nothing is wrong.
    """
    case = Case(snapshot)
    text = _squeezed(as_yaml(snapshot.to_dict()))
    found = [finding for analyzer in _ANALYZERS for finding in analyzer(case)]
    explained = {str(one.root) for one in found if not one.cause.symptom and one.rule not in _LOOSE}
    explained |= {str(one.entity) for one in found if not one.cause.symptom and one.rule not in _LOOSE}
    found = [one for one in found if one.rule not in _LOOSE or str(one.root) not in explained]
    found += [one for one in rollouts.regressions(case) if str(one.root) not in explained]
    return sorted(_standing(_unique(found), text), key=lambda one: _rank(one, snapshot.workload))


def _standing(findings: list[Finding], text: str) -> Iterator[Finding]:
    """Findings with the quotes that stand in the text; one without any has no evidence left, and is none."""
    for one in findings:
        quotes = tuple(quote for quote in one.quotes if _squeezed(quote) in text)
        if quotes:
            yield one if quotes == one.quotes else one.model_copy(update={"quotes": quotes})


def _squeezed(text: str) -> str:
    return " ".join(text.split())


def _unique(findings: list[Finding]) -> list[Finding]:
    """One finding a rule, cause and root: the worst, or the first of equals."""
    kept: dict[tuple[str, str, str], Finding] = {}
    for one in findings:
        key = (one.rule, str(one.cause), str(one.root))
        if key not in kept or one.severity > kept[key].severity:
            kept[key] = one
    return list(kept.values())


def _rank(finding: Finding, focus: str) -> tuple[bool, bool, int]:
    concerned = focus in (finding.root.name, finding.entity.name)
    return finding.cause.symptom, bool(focus) and not concerned, -finding.severity
