"""What the demo tells, chapter by chapter: the prose, and the code that is really run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codenb.demo.scenarios import Scenario
    from codenb.models import Answer

_HOSTILE = {"poisoned-log": "NOTICE to the assistant"}
"""Scenario, and how the line begins in which its log speaks to whoever reads it."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """One cell and the words before it.

    Attributes:
        prose: Markdown.
        code: Python with top-level await; in the order of the chapters, one namespace.
        needs_proposals: Told only where the answer proposes something.
    """

    prose: str
    code: str
    needs_proposals: bool = False


def chapters(scenario: Scenario, approver: str) -> list[Chapter]:
    """The story of a scenario.

    Args:
        scenario: What is wrong.
        approver: Python expression for the approver.
    """
    if scenario.kind == "plan":
        return _planned(scenario, approver)
    hostile = [_ignored(text) for name, text in _HOSTILE.items() if name == scenario.name]
    return [
        _connecting(scenario),
        Chapter(
            "## What do the servers know?\n\nEvery server is asked about the target, all at once.",
            f"target = codenb.Target(namespace={scenario.namespace!r}, workload={scenario.workload!r})\n"
            "context = await nb.gather(target)\ncontext",
        ),
        Chapter(
            "## What do the experts say?\n\nEach reads the same state and must quote its evidence from it; a quote"
            " that is not there does not count.",
            f"answer = await nb.consult({scenario.question!r}, context)\nanswer",
        ),
        *hostile,
        *_carrying_out(scenario, approver),
    ]


def _planned(scenario: Scenario, approver: str) -> list[Chapter]:
    """The story of something that is to be deployed."""
    return [
        _connecting(scenario),
        Chapter(
            "## What is asked for, and what is there?\n\nEvery server is asked about the namespace that it goes to.",
            f"request = {dict(scenario.target)!r}\ncontext = await nb.gather(request)\ncontext",
        ),
        Chapter(
            "## What do the experts say?\n\nWhat is asked for is held against quotas and nodes; each recommendation"
            " names a field and a value, on quoted evidence.",
            f"answer = await nb.consult({scenario.question!r}, context)\nanswer",
        ),
        Chapter(
            "## Is it sound?\n\nThe manifests that would be applied, checked before anybody is asked.",
            'manifests = answer.proposals[0].call.arguments["manifests"]\nawait nb.validate(*manifests)',
            needs_proposals=True,
        ),
        Chapter("## What will it cost?", "await nb.estimate(manifests)", needs_proposals=True),
        *_carrying_out(scenario, approver),
    ]


def _connecting(scenario: Scenario) -> Chapter:
    return Chapter(
        f"# {scenario.title}\n\nConnect to the embedded world: a small Kubernetes API server in a process of its"
        " own, for trying, teaching and testing. On your own cluster it is `await codenb.connect()`.",
        f'import codenb\n\nnb = await codenb.connect("demo:{scenario.name}")\nnb',
    )


def _carrying_out(scenario: Scenario, approver: str) -> list[Chapter]:
    pods = f'pods = await nb.call("kubernetes", "get_pods", namespace={scenario.namespace!r})\npods'
    return [
        Chapter(
            "## Approve, carry out, verify\n\nAn approval is bound to exactly what was previewed. Afterwards the state"
            " is read again: done is what can be seen.",
            f"outcomes = await nb.execute(answer.proposals, approver={approver})\noutcomes",
            needs_proposals=True,
        ),
        Chapter("## How are the pods now?", pods),
        Chapter("## Every call that was made", "nb.calls"),
        Chapter("## Where the time went", "codenb.plots.latency(nb.calls)"),
        Chapter("## The end\n\nClose the connections, and the embedded world with them.", "await nb.close()"),
    ]


def nothing_proposed(scenario: Scenario, answer: Answer) -> str:
    """Why there is nothing to approve, and how that leaves the workload."""
    where = f"{scenario.namespace}/{scenario.workload}"
    if answer.consensus.cause == "Healthy":
        return f"## Nothing was proposed: nothing is wrong with {where}"
    advice = "; the recommendations above say what to do" if answer.recommendations else ""
    return f"## Nothing was proposed: no tool of these servers mends this, and {where} is still failing{advice}"


def _ignored(text: str) -> Chapter:
    """The line in the log that gives orders, shown as what it is."""
    return Chapter(
        "## Who else has spoken?\n\nA line in the log gives orders to whoever reads it. It was read as data: nothing is"
        " proposed because of it, and it approves nothing.",
        f"lines = [line.strip() for item in context.items for line in item.text.splitlines() if {text!r} in line]\n"
        'print("\\n".join(f"│ {line}" for line in lines) or "It is no longer in what was gathered.")',
    )
