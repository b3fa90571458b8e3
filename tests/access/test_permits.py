"""Permits: what patterns let through, and what they must not."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codenb.access import LOCAL, PREVIEW_TOOL, Access, Permits, Principal
from codenb.errors import BadInput, CredentialsRejected, PermissionMissing

patient = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])  # nothing is timed


def ci(*tools: str, resources: tuple[str, ...] = (), **more: Any) -> Principal:
    return Principal("ci", "token", Permits(tools, resources), **more)


@pytest.mark.parametrize(
    ("pattern", "server", "tool", "allowed"),
    [
        ("deployment/validate_*", "deployment", "validate_deployment", True),
        ("deployment/validate_*", "deployment", "apply_terraform", False),
        ("deployment/validate_*", "deployment", "xvalidate_", False),
        ("deployment/validate_*", "deployment2", "validate_deployment", False),
        ("deployment/validate_*", "Deployment", "validate_deployment", False),
        ("deployment/validate_*", "deployment", "Validate_deployment", False),
        ("deployment/validate_*", "deployment", "apply_terraform\nvalidate_x", False),
        ("deployment/validate_?", "deployment", "validate_x", True),
        ("*/get_*", "kubernetes", "get_pods", True),
        ("*/get_*", "kubernetes", "delete/get_pods", False),
        ("*/*", "any", "thing", True),
        ("a/tool[12]", "a", "tool2", True),
        ("a/*", "a", "with/slash", True),
    ],
)
def test_a_pattern_lets_through_what_it_says(pattern: str, server: str, tool: str, *, allowed: bool) -> None:
    """Names are matched whole, case counts, and a line break hides nothing."""
    assert ci(pattern).may_call(server, tool) is allowed


@pytest.mark.parametrize("server", ["deployment/validate_x", "deployment/validate_x/", "deployment/"])
def test_a_server_with_a_slash_in_its_name_is_not_another_server(server: str) -> None:
    """Where server and tool were matched as one text, a server named `deployment/validate_x` passed for deployment."""
    assert not ci("deployment/validate_*", "deployment/*").may_call(server, "apply_terraform")


def test_a_tool_that_is_named_like_a_pattern_opens_nothing() -> None:
    """A server may name a tool `*`; whoever pastes the permit that its refusal asks for must not permit them all."""
    with pytest.raises(PermissionMissing) as refused:
        ci().require_call("evil", "*")

    pasted = str(refused.value).rpartition(" ")[2]

    assert pasted == "evil/[*]"
    assert ci(pasted).may_call("evil", "*")
    assert not ci(pasted).may_call("evil", "delete_everything")


names = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=12)


@patient
@given(server=names, tool=names, other=names)
def test_the_permit_that_a_refusal_names_permits_that_and_no_more(server: str, tool: str, other: str) -> None:
    """The message can be acted on as it stands, whatever the names are made of."""
    with pytest.raises(PermissionMissing) as refused:
        ci().require_call(server, tool)

    pasted = str(refused.value).partition("ask for a permit on the tool ")[2]

    assert ci(pasted).may_call(server, tool)
    assert ci(pasted).may_call(server, other) is (other == tool)


@patient
@given(server=st.text(), tool=st.text(), uri=st.text())
def test_a_refusal_is_one_line_whatever_was_asked_for(server: str, tool: str, uri: str) -> None:
    """Names come from outside: they break no line, move no cursor and fill no page."""
    for ask in (lambda: ci().require_call(server, tool), lambda: ci().require_read(server, f"x{uri}")):
        with pytest.raises(PermissionMissing) as refused:
            ask()
        assert str(refused.value).isprintable()
        assert len(str(refused.value)) < 1000


@patient
@given(server=names, tool=names)
def test_nothing_is_permitted_by_default(server: str, tool: str) -> None:
    """Deny by default."""
    assert not ci().may_call(server, tool)
    assert not ci().may_read(server, f"memory://{tool}")


@pytest.mark.parametrize(
    "pattern", ["", "*", "deployment", "deployment/", "/tool", "a/b\n", "a/\u202eb", "a/" + "b" * 600]
)
def test_what_can_never_fit_is_no_permit(pattern: str) -> None:
    """A permit without a server would be read as one for nothing, or worse for everything."""
    with pytest.raises(BadInput, match="is no permit on a tool: write SERVER/TOOL"):
        Permits((pattern,))
    with pytest.raises(BadInput, match="is no permit on a resource: write SERVER/URI"):
        Permits((), (pattern,))


@pytest.mark.parametrize("patterns", ["a/b", ["a/b"], (1,), (None,), None])
def test_patterns_are_a_tuple_of_texts(patterns: Any) -> None:
    """A text alone would be read letter by letter."""
    with pytest.raises(BadInput, match="are a tuple of patterns"):
        Permits(patterns)


def test_resources_as_one_text_are_refused() -> None:
    """`resources="a/b"` looks right and would permit nothing."""
    with pytest.raises(BadInput, match="give a list of patterns"):
        Access.permit("ci", resources="a/b")


@pytest.mark.parametrize(
    ("uri", "readable"),
    [
        ("memory://deployment/note", True),
        ("memory://deployment", False),
        ("preview://abc", False),
        ("about://server", True),
        ("about://server/", False),
        ("about://SERVER", False),
        ("Memory://deployment/note", False),
    ],
)
def test_resources_are_read_by_their_own_patterns(uri: str, *, readable: bool) -> None:
    """A permit on tools reads nothing, and what a server says of itself may be read by everybody who is known."""
    assert ci("deployment/*", resources=("deployment/memory://deployment/*",)).may_read("deployment", uri) is readable
    assert ci("deployment/*").may_read("deployment", uri) is (uri == "about://server")


def test_a_preview_takes_the_permit_for_the_change_or_for_previewing() -> None:
    """Who may make a change may see it first; and somebody may be let see changes without making them."""
    changing, seeing = ci("k/scale"), ci("k/preview_change")

    assert changing.may_call("k", PREVIEW_TOOL, {"tool": "scale"})
    assert not changing.may_call("k", PREVIEW_TOOL, {"tool": "delete"})
    assert not changing.may_call("other", PREVIEW_TOOL, {"tool": "scale"})
    assert seeing.may_call("k", PREVIEW_TOOL, {"tool": "delete"})
    assert not seeing.may_call("k", "delete")


@pytest.mark.parametrize("arguments", [None, {}, {"tool": None}, {"tool": ["scale"]}, {"tool": {"scale": 1}}])
def test_a_preview_of_nothing_is_permitted_to_nobody(arguments: Any) -> None:
    """The argument comes from outside and may be anything."""
    assert not ci("k/scale").may_call("k", PREVIEW_TOOL, arguments)


def test_within_has_to_allow_as_well() -> None:
    """What a token says and what is configured are both asked, for tools, resources and what they reach."""
    both = Permits(("k/*",), ("k/memory://*",), within=Permits(("*/get_*",), ("k/memory://k/*",)))

    assert both.allow_tool("k", "get_pods")
    assert not both.allow_tool("k", "scale")
    assert not both.allow_tool("other", "get_pods")
    assert both.allow_resource("k", "memory://k/note")
    assert not both.allow_resource("k", "memory://other")
    assert both.reach_server("k")
    assert not both.reach_server("other")
    assert not Permits(("k/*",), within=Permits()).reach_server("k")


@pytest.mark.parametrize(
    ("pattern", "beginning", "reached"),
    [
        ("k/memory://k/*", "memory://k/", True),
        ("k/memory://k/note", "memory://k/", True),
        ("k/*", "memory://k/", True),
        ("k/preview://*", "memory://k/", False),
        ("other/memory://k/*", "memory://k/", False),
    ],
)
def test_a_template_is_reached_where_some_of_it_may_be_read(pattern: str, beginning: str, *, reached: bool) -> None:
    """Of a template only the beginning is known, so it is listed where a permit could fit."""
    assert Permits((), (pattern,)).reach_resources("k", beginning) is reached
    assert not Permits((), (pattern,), within=Permits()).reach_resources("k", beginning)


def test_without_access_everything_is_permitted() -> None:
    """Where no access is configured there is nobody to tell apart."""
    LOCAL.require_call("any", "thing")
    LOCAL.require_read("any", "x://y")

    assert (LOCAL.name, LOCAL.proof, LOCAL.invalid) == ("local", "local", "")


def test_an_expired_token_may_nothing_any_more() -> None:
    """A session that lasts longer than its token is told so at the next call, and not that a permit is missing."""
    late = ci("*/*", resources=("*/*",), expires_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))

    for ask in (lambda: late.require_call("a", "b"), lambda: late.require_read("a", "about://server")):
        with pytest.raises(CredentialsRejected, match=re.escape("the token of ci expired at 2026-01-02 03:04:05 UTC")):
            ask()


def test_a_token_that_holds_is_no_obstacle() -> None:
    """The one before its expiry is as good as one without."""
    ci("a/b", expires_at=datetime.now(UTC) + timedelta(hours=1)).require_call("a", "b")


def test_who_has_no_token_is_told_how_to_get_in() -> None:
    """Everything is denied with one line, the same everywhere, that says what to do."""
    nobody = Access.permit("*", "*/*").nobody()

    with pytest.raises(CredentialsRejected, match=r"^nothing may be called without a token: .* CODENB_TOKEN$"):
        nobody.require_call("a", "b")
    with pytest.raises(CredentialsRejected, match="nothing may be called without a token"):
        nobody.require_read("a", "about://server")


@pytest.mark.parametrize(
    ("principal", "said"),
    [
        (LOCAL, "local, who may call everything"),
        (ci(), "ci, who may call nothing"),
        (ci("a/b", resources=("a/x://*",)), "ci, who may call a/b, and read a/x://*"),
        (
            Principal("ci", "token", Permits(("a/b",), within=Permits(("a/*",)))),
            "ci, who may call a/b, as far as permitted: a/*",
        ),
    ],
)
def test_a_principal_says_what_it_may_in_one_line(principal: Principal, said: str) -> None:
    """A session and the command line show it."""
    assert principal.summary == said
