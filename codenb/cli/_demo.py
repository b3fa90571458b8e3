"""`codenb demo`: the story of one failing deployment, told in a terminal and kept as a notebook and a page."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codenb.cli import _approval
from codenb.cli._cells import run_cell
from codenb.cli._story import Chapter, chapters, nothing_proposed
from codenb.errors import BadInput, CodenbError, PartMissing
from codenb.report import Step, notebook, page
from codenb.views import Shown, to_text

if TYPE_CHECKING:
    from codenb.demo.scenarios import Scenario
    from codenb.models import Answer
    from codenb.session import Session

_NARROWEST, _WIDEST = 60, 110
_WAITS = 3
"""Exit code: what was proposed waits for an approval."""


def run(arguments: argparse.Namespace) -> int:
    """Tell the story.

    Returns:
        0 mended, or nothing to mend; 1 a change failed; 3 it waits for an approval.

    Raises:
        CodenbError: The scenario, the approver or a part is not there.
    """
    from codenb.demo import scenarios  # noqa: PLC0415

    if arguments.list:
        _list([scenarios.load(name) for name in scenarios.names()], as_json=arguments.json)
        return 0
    scenario = scenarios.load(arguments.scenario)
    folder = Path(arguments.output)
    if arguments.lab:
        return _lab(scenario, folder)
    _check_folder(folder)
    terminal = sys.stdin.isatty() and sys.stdout.isatty() and not arguments.json
    source = _approval.source(arguments.approver, terminal=terminal)
    telling = _Telling(quiet=arguments.json)
    return asyncio.run(_told(scenario, source, telling, folder, as_json=arguments.json))


def _list(known: list[Scenario], *, as_json: bool) -> None:
    if as_json:
        _print_json([{"name": one.name, "title": one.title, "question": one.question} for one in known])
        return
    for one in known:
        print(f"{one.name:16} {one.title}")


def _print_json(data: Any) -> None:
    """Print it so that it arrives whole, whatever the terminal can show."""
    print(json.dumps(data, indent=2, ensure_ascii=not (sys.stdout.encoding or "").lower().startswith("utf")))


def _check_folder(folder: Path) -> None:
    """Say that a run cannot be kept before it is made."""
    there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    reason = "" if os.access(there, os.W_OK | os.X_OK) else f"{there} is not writable"
    if reason := reason if there.is_dir() else f"{there} is a file":
        raise BadInput(f"the run cannot be kept in {folder}: {reason}: choose another --output")


class _Telling:
    """Runs chapters one after the other, prints each as it ends, and keeps them as steps."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self.colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self.width = max(_NARROWEST, min(_WIDEST, shutil.get_terminal_size((_WIDEST, 24)).columns))
        self.namespace: dict[str, Any] = {}
        self.steps: list[Step] = []

    def prose(self, step: Step) -> None:
        """Say what stands before a cell, or alone."""
        self._say(f"\n{self._bold(step.heading)}")
        if step.text:
            self._say(step.text)

    def remark(self, prose: str) -> None:
        """Say and keep something that no code belongs to."""
        self.steps.append(Step(prose))
        self.prose(self.steps[-1])

    async def tell(self, chapter: Chapter) -> Any:
        """Run a chapter."""
        self.prose(Step(chapter.prose))
        value, printed = await run_cell(chapter.code, self.namespace, echo=not self.quiet)
        shown = _bundle(value)
        self.steps.append(Step(chapter.prose, chapter.code, printed, shown))
        if isinstance(value, Shown):
            self._say("\n" + to_text(value.view(), self.width, color=self.colour))
        return value

    def _say(self, text: str) -> None:
        if not self.quiet:
            print(text, flush=True)

    def _bold(self, text: str) -> str:
        return f"\x1b[1m{text}\x1b[0m" if self.colour else text


def _bundle(value: Any) -> dict[str, Any] | None:
    if value is None:
        return None
    return value._repr_mimebundle_() if isinstance(value, Shown) else {"text/plain": repr(value)}


async def _told(scenario: Scenario, approver: str, telling: _Telling, folder: Path, *, as_json: bool) -> int:
    started = datetime.now(UTC)
    servers: list[dict[str, Any]] = []
    try:
        for chapter in chapters(scenario, approver):
            if chapter.needs_proposals and not telling.namespace["answer"].proposals:
                telling.remark(nothing_proposed(scenario, telling.namespace["answer"]))
                continue
            await telling.tell(chapter)
            if as_json and not servers:
                servers = await _servers(telling.namespace["nb"])
    finally:
        nb = telling.namespace.get("nb")
        if nb is not None:
            await nb.close()
    files = _keep(scenario, telling.steps, folder, started)
    outcomes = telling.namespace.get("outcomes")
    if as_json:
        _print_json(_record(scenario, telling.namespace, servers))
    else:
        print(f"\nThe run is kept as {files[0]} and {files[1]}")
    code = 0 if outcomes is None else int(outcomes.exit_code)
    if outcomes is not None and code == _WAITS:
        print(f"\n{_approval.what_next(scenario.name, outcomes)}", file=sys.stderr if as_json else sys.stdout)
    return code


def _keep(scenario: Scenario, steps: list[Step], folder: Path, made_at: datetime) -> tuple[Path, Path]:
    files = folder / f"{scenario.name}.ipynb", folder / f"{scenario.name}.html"
    note = "embedded world: a teaching and testing double, no real cluster"
    texts = notebook(steps), page(scenario.title, steps, made_at=made_at, note=note)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in zip(files, texts, strict=True):
            part = file.with_suffix(file.suffix + ".part")
            part.write_text(text, encoding="utf-8")
            part.replace(file)
    except OSError as error:
        raise BadInput(f"the run cannot be kept in {folder}: {error.strerror}: choose another --output") from error
    return files


async def _servers(nb: Session) -> list[dict[str, Any]]:
    """The servers with the names of their tools, asked while they are open."""
    tools = list(await nb.tools())
    return [
        {
            "name": row.server,
            "transport": row.transport,
            "tools": sorted(one.name for one in tools if one.server == row.server),
        }
        for row in nb.host.status()
    ]


def _record(scenario: Scenario, told: dict[str, Any], servers: list[dict[str, Any]]) -> dict[str, Any]:
    """The run as the JSON that `--json` promises."""
    nb, context, answer = told["nb"], told["context"], told["answer"]
    outcomes = list(told.get("outcomes") or ())
    consensus = answer.consensus
    return {
        "scenario": scenario.name,
        "cluster": nb.place.to_dict() | {"embedded": nb.place.embedded},
        "servers": servers,
        "context": {
            "items": [
                item.model_dump(mode="json", include={"server", "status", "latency_ms", "tokens_kept"})
                for item in context.items
            ],
            "missing": [{"server": server, "reason": reason} for server, reason in context.missing.items()],
        },
        "consensus": {
            "status": consensus.status,
            "kind": consensus.kind,
            "cause": consensus.cause,
            "root": consensus.root.to_dict() if consensus.root else None,
            "share": consensus.share,
            "votes": _votes(answer),
            "dissent": [{"vote": tally.key, "experts": list(tally.experts)} for tally in consensus.dissent],
        },
        "recommendations": [one.to_dict() for one in answer.recommendations],
        "proposals": [
            {
                "server": one.call.server,
                "tool": one.call.tool,
                "arguments": one.call.arguments,
                "preview": one.preview and {"digest": one.preview.digest, "diff": one.preview.diff},
            }
            for one in answer.proposals
        ],
        "decisions": [one.decision.to_dict() for one in outcomes if one.decision],
        "outcomes": [one.to_dict() for one in outcomes],
        "calls": [
            call.model_dump(mode="json", include={"server", "tool", "duration_ms", "status"}) for call in nb.calls
        ],
    }


def _votes(answer: Answer) -> list[dict[str, Any]]:
    """What a plan is made of: every recommendation that an opinion which counts votes for."""
    wanted = {"tool", "entity", "field", "value"}
    return [
        {"expert": opinion.expert} | vote.recommendation.model_dump(mode="json", include=wanted)
        for opinion in answer.opinions
        if opinion.status == "ok"
        for vote in opinion.votes
        if vote.recommendation
    ]


def _lab(scenario: Scenario, folder: Path) -> int:
    try:
        import jupyterlab.labapp  # noqa: PLC0415  an extra
    except ImportError as error:
        raise PartMissing("JupyterLab is not installed: pip install 'codenb[lab]'") from error
    first = Path(__file__).resolve().parents[2] / "notebooks" / "01_first_look.ipynb"
    if not first.is_file():
        raise CodenbError("the notebooks come with the source tree, not with the package: run this from a clone")
    folder.mkdir(parents=True, exist_ok=True)
    for notebook_file in sorted(first.parent.glob("*.ipynb")):
        if not (folder / notebook_file.name).exists():
            shutil.copyfile(notebook_file, folder / notebook_file.name)
    copy = folder / first.name
    os.environ["CODENB_CONNECT"] = f"demo:{scenario.name}"
    print(f"JupyterLab opens {copy}; end it with Ctrl-C")
    # JupyterLab refuses root, which is all there is in many containers; who is root here has chosen to be.
    as_root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    jupyterlab.labapp.main([str(copy), *as_root])
    return 0
