"""A validation to look through: findings by severity, rule, file and words, a page at a time.

It shows what `ValidationReport.select` finds and writes what `export` gives; everything can be reached by keyboard, and
what changed is said in a status line that screen readers announce. Where no widget runs (a notebook on a code host, a
converted page), the report itself stands in its place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from codenb import config
from codenb.errors import CodenbError
from codenb.models import ExportFormat, Severity, ValidationFinding, ValidationReport
from codenb.views import Block, Cards, View, to_html, to_text
from codenb.widgets._saving import save

_PAGE = 20
_FORMATS: dict[str, tuple[ExportFormat, str]] = {
    "SARIF": ("sarif", ".sarif"),
    "JUnit XML": ("junit", ".xml"),
    "JSON": ("json", ".json"),
    "CSV": ("csv", ".csv"),
}
_NAME = "codenb-validation"
# The outline is drawn for everything that Tab reaches: some themes show none.
_STYLE = (
    "<style>.cnb-inspector :is(input,select,button):focus-visible"
    "{outline:2px solid var(--jp-brand-color1,#0969da)!important;outline-offset:1px}</style>"
)


class ValidationInspector:
    """Shows a report with controls to filter, page and export it.

    Attributes:
        report: What is looked through.
        severity: Least severity that is shown, a Dropdown.
        rule: One rule or all, a Dropdown.
        file: One file or all, a Dropdown.
        text: Words that all occur in a finding, a Text.
        box: All of it, an ipywidgets box.
    """

    def __init__(self, report: ValidationReport, *, folder: Path | None = None) -> None:
        """Make the controls.

        Args:
            report: What is looked through.
            folder: Where exports are written; the project folder by default.
        """
        self.report = report
        self._folder = folder
        self._page = 0
        self._selected = report.findings
        self.severity = _dropdown("Severity", [(f"{one} or worse", one) for one in Severity])
        self.rule = _dropdown("Rule", _choices("all rules", (one.rule for one in report.findings)))
        self.file = _dropdown("File", _choices("all files", (one.file for one in report.findings)))
        # On Enter or leaving, not with each letter: a screen reader would read out as many counts as there are letters.
        self.text = widgets.Text(
            description="Words",
            placeholder="such as privileged, then Enter",
            continuous_update=False,
            layout=_control(),
        )
        self.previous = _button("Previous page", "arrow-left")
        self.next = _button("Next page", "arrow-right")
        self.status = widgets.HTML()
        self.page = widgets.HTML()
        self.format = _dropdown("Export", [(label, label) for label in _FORMATS])
        self.name = widgets.Text(description="to file", value=_NAME + ".sarif", layout=_control())
        self.replace = widgets.Checkbox(description="replace a file that is there", indent=False, layout=_control())
        self.export = _button("Export the whole report", "download")
        self.exported = widgets.HTML()
        for control in (self.severity, self.rule, self.file, self.text):
            control.observe(self._filter, "value")
        self.previous.on_click(partial(self._turn, -1))
        self.next.on_click(partial(self._turn, 1))
        self.format.observe(self._rename, "value")
        self.export.on_click(self._write)
        rows = [
            [self.severity, self.rule, self.file, self.text],
            [self.previous, self.next, self.status],
            [self.format, self.name, self.replace, self.export],
        ]
        wrapped = [widgets.HBox(row, layout={"flex_flow": "row wrap", "align_items": "center"}) for row in rows]
        head = widgets.HTML(_STYLE + to_html(report.summary()))
        self.box = widgets.VBox([head, wrapped[0], wrapped[1], self.page, wrapped[2], self.exported])
        self.box.add_class("cnb-inspector")
        self._show()

    @property
    def selected(self) -> tuple[ValidationFinding, ...]:
        """The findings that the controls let through, on all pages."""
        return self._selected

    def __repr__(self) -> str:
        return f"ValidationInspector({self.report!r})"

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, Any]:
        bundle = self.box._repr_mimebundle_() | self.report._repr_mimebundle_()
        return {
            kind: data
            for kind, data in bundle.items()
            if (include is None or kind in include) and (exclude is None or kind not in exclude)
        }

    def _filter(self, _change: Any) -> None:
        self._selected = self.report.select(
            at_least=self.severity.value,
            rule=self.rule.value or None,
            file=self.file.value or None,
            text=self.text.value,
        )
        self._page = 0
        self._show()

    def _turn(self, by: int, _button: widgets.Button) -> None:
        self._page = min(max(self._page + by, 0), self._last)
        self._show()

    @property
    def _last(self) -> int:
        return max(0, (len(self._selected) - 1) // _PAGE)

    def _show(self) -> None:
        first = self._page * _PAGE
        shown = self._selected[first : first + _PAGE]
        cards: list[Block] = [Cards([finding.view()]) for finding in shown]
        self.page.value = to_html(View("", blocks=cards)) if cards else ""
        where = f"{first + 1:,} to {first + len(shown):,} of {len(self._selected):,}" if shown else "No"
        of = f" ({len(self.report.findings):,} in the report)" if self._selected != self.report.findings else ""
        pages = f", page {self._page + 1:,} of {self._last + 1:,}" if self._last else ""
        self.status.value = _status(f"{where} finding{'' if len(self._selected) == 1 else 's'}{of}{pages}")

    def _rename(self, _change: Any) -> None:
        """Let the name follow the format, as long as its ending is one of ours."""
        name = str(self.name.value)
        ending = next((end for _, end in _FORMATS.values() if name.endswith(end)), None)
        if ending:
            self.name.value = name.removesuffix(ending) + _FORMATS[self.format.value][1]

    def _write(self, _button: widgets.Button) -> None:
        export, _ = _FORMATS[self.format.value]
        try:
            folder = self._folder or config.load().home
            file = save(self.report.export(export), self.name.value, folder, replace=self.replace.value)
        except CodenbError as error:
            self.exported.value = _status(f"Not written: {error}")
        else:
            self.exported.value = _status(f"Written: {file}")


def _choices(everything: str, values: Iterable[str]) -> list[tuple[str, str]]:
    counts = Counter(values)
    # Not None for all of them: a Dropdown takes that for no choice at all and shows an empty field.
    return [(everything, ""), *((f"{_visible(value)} ({counts[value]:,})", value) for value in sorted(counts))]


def _dropdown(label: str, options: list[tuple[str, Any]]) -> widgets.Dropdown:
    return widgets.Dropdown(description=label, options=options, value=options[0][1], layout=_control())


def _button(label: str, icon: str) -> widgets.Button:
    return widgets.Button(description=label, icon=icon, layout=widgets.Layout(width="auto"))


def _control() -> widgets.Layout:
    return widgets.Layout(width="auto", flex="1 1 260px", max_width="420px")


def _status(text: str) -> str:
    return f'<p role="status" style="margin:0 8px">{escape(_visible(text))}</p>'


def _visible(text: str) -> str:
    return to_text(View(text), 1_000)
