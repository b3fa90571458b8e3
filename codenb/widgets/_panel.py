"""The question to a person, as a widget: what would change, and two buttons with words on them.

The panel lives while it is asked and is replaced by plain HTML once it is answered: a saved notebook shows the decision
wherever it is read, and no widget state has to be saved with it.
"""

from __future__ import annotations

import asyncio
import getpass
from dataclasses import replace
from typing import Any

import ipywidgets as widgets
from IPython.display import display

from codenb.actions import decision
from codenb.models import ApprovalRequest, Decision
from codenb.views import Badge, Tone, to_html, to_text

_BUTTON = {"width": "auto", "min_width": "110px"}


class ApprovalPanel:
    """Shows one request and waits for a click."""

    def __init__(self, request: ApprovalRequest) -> None:
        self.request = request
        self.approve = widgets.Button(
            description="Approve",
            tooltip="Carry out exactly what is shown",
            button_style="success",
            icon="check",
            layout=widgets.Layout(**_BUTTON),
        )
        self.reject = widgets.Button(
            description="Reject",
            tooltip="Change nothing",
            icon="times",
            layout=widgets.Layout(**_BUTTON),
        )
        self.reason = widgets.Text(
            placeholder="Reason (optional)", description="", layout=widgets.Layout(width="auto", flex="1 1 200px")
        )
        self.reason.add_class("cnb-reason")
        self.status = widgets.HTML('<p role="status">Waiting for your decision. Nothing has been changed.</p>')
        row = widgets.HBox(
            [self.approve, self.reject, self.reason],
            layout=widgets.Layout(flex_flow="row wrap", align_items="center", margin="8px 0 0 0"),
        )
        self.box = widgets.VBox([widgets.HTML(to_html(request.view())), row, self.status])

    async def decision(self) -> Decision:
        """Show the panel and wait.

        Returns:
            What the person decided, with the reason given.

        Raises:
            asyncio.CancelledError: The cell was interrupted; the panel then says that nothing was approved.
        """
        loop = asyncio.get_running_loop()
        decided: asyncio.Future[bool] = loop.create_future()

        def settle(button: widgets.Button) -> None:
            if not decided.done():
                decided.set_result(button is self.approve)

        for button in (self.approve, self.reject):
            # Some front ends deliver the click on another thread.
            button.on_click(lambda clicked: loop.call_soon_threadsafe(settle, clicked))
        handle = display(self.box, display_id=True)
        try:
            approved = await decided
        except asyncio.CancelledError:
            self._replace(handle, Badge("interrupted: not approved", Tone.WARN))
            raise
        reason = str(self.reason.value).strip()
        self._replace(handle, Badge("approved", Tone.GOOD) if approved else Badge("rejected", Tone.BAD))
        by = getpass.getuser()
        return decision(self.request, approve=approved, by=by, approver="ask_me", reason=reason)

    def _replace(self, handle: Any, badge: Badge) -> None:
        view = self.request.view()
        settled = replace(view, title=view.title.removeprefix("Approve? "), badges=[badge, *view.badges])
        handle.update({"text/html": to_html(settled), "text/plain": to_text(settled)}, raw=True)
        for widget in (*self.box.children[1].children, *self.box.children, self.box):
            widget.close()
