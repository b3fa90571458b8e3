"""The chart of infrastructure costs: every resource in the table, labels that can be read, two sides told apart."""

from __future__ import annotations

from decimal import Decimal

import pytest

from codenb import plots
from codenb.errors import BadInput
from codenb.servers.cost import estimate

WEB = {"type": "m5.large", "count": 3, "name": "web"}
DISK = {"type": "gp3", "gb": 100, "name": "disk"}
ODD = {"type": "x9.huge", "name": "odd"}


def test_every_resource_has_a_bar_and_a_row_with_the_same_amount():
    """The figure is for seeing, the table for reading on: they must not say different things."""
    chart = plots.infrastructure_cost(estimate([DISK, WEB]))

    assert chart.title == "Infrastructure cost: 218.24 USD"
    assert [list(row) for row in chart.table.rows] == [["web", "210.24"], ["disk", "8.00"], ["total", "218.24 USD"]]
    (bars,) = chart.figure.data
    assert list(bars.y) == ["web", "disk"]
    assert list(bars.x) == [210.24, 8.0]
    assert chart.figure.layout.xaxis.title.text == "USD for 730 hours"


def test_before_and_after_differ_in_more_than_colour():
    """Some readers and all printers see no colours; so the older side is hatched too."""
    before = estimate([WEB])
    chart = plots.infrastructure_cost(estimate([{**WEB, "count": 4}, DISK]), before)

    assert [bars.name for bars in chart.figure.data] == ["before", "after"]
    assert [bars.marker.pattern.shape for bars in chart.figure.data] == ["/", ""]
    assert chart.figure.layout.showlegend
    assert chart.table.columns == ["resource", "before", "after", "difference"]
    assert list(chart.table.rows[0]) == ["web", "210.24", "280.32", "70.08"]
    assert list(chart.table.rows[-1]) == ["total", "210.24 USD", "288.32 USD", "+78.08 USD"]
    assert chart.title == "Infrastructure cost: 288.32 USD (+78.08)"


def test_what_is_unpriced_is_marked_and_not_drawn_as_nothing():
    """A bar of length zero would say that it is free."""
    chart = plots.infrastructure_cost(estimate([WEB, ODD]))

    assert chart.title == "Infrastructure cost: at least 210.24 USD"
    assert list(chart.figure.data[0].text) == ["210.24", "unpriced"]
    assert ["odd", "unpriced"] in [list(row) for row in chart.table.rows]


def test_it_can_be_read_on_a_dark_page():
    """JupyterLab has a dark theme: no white box, and a grey that both pages show."""
    layout = plots.infrastructure_cost(estimate([WEB])).figure.layout

    assert (layout.paper_bgcolor, layout.plot_bgcolor) == ("rgba(0,0,0,0)",) * 2
    assert layout.font.color == "#7f8790"


def test_many_resources_are_one_bar_beyond_what_one_can_read():
    """A plan has hundreds: the dearest have bars, the table has all, and the sum stays the sum."""
    made = estimate([{"type": "m5.large", "hours": number, "name": f"server-{number:03}"} for number in range(1, 101)])
    chart = plots.infrastructure_cost(made)

    (bars,) = chart.figure.data
    assert len(bars.y) == 26
    assert bars.y[-1] == "75 others"
    assert len(chart.table.rows) == 101
    assert abs(Decimal(str(sum(bars.x))) - made.total) < Decimal("0.01")


def test_names_from_a_plan_are_text_and_fit():
    """Addresses are long, and may hold what plotly would take for markup."""
    long = "module.a<b>.aws_instance." + "x" * 80
    chart = plots.infrastructure_cost(estimate([{**WEB, "name": long}]))

    (label,) = chart.figure.layout.yaxis.ticktext
    assert "<b>" not in label
    assert len(label) < 60
    assert list(chart.figure.data[0].y) == [long]


def test_one_object_is_a_figure_a_table_and_text():
    """The same output is interactive in JupyterLab, a table on a page, and readable in a terminal."""
    bundle = plots.infrastructure_cost(estimate([WEB]))._repr_mimebundle_()

    assert "application/vnd.plotly.v1+json" in bundle
    assert "<caption>" in bundle["text/html"]
    assert "210.24" in bundle["text/plain"]


def test_nothing_to_plot_and_unequal_times_are_said_in_words():
    """Two months beside one would look like a saving."""
    with pytest.raises(BadInput, match="no lines to plot"):
        plots.infrastructure_cost(estimate({"planned_values": {"root_module": {}}}))
    with pytest.raises(BadInput, match="for 10 and 730 hours"):
        plots.infrastructure_cost(estimate([WEB]), estimate([WEB], duration_hours=10))
