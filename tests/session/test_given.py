"""What people hand to a session is read as it is meant, or refused in a sentence."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

import codenb
from codenb.errors import BadInput, CodenbError
from codenb.models import EMBEDDED_UID, Answer, Content, Entity, Proposal, Target, ToolCall
from codenb.session import Session
from codenb.session._given import names, proposals, question, target
from tests.session.conftest import Project


@pytest.mark.parametrize("given", [{"namespce": "shop"}, {"Namespaces": "shop"}, {"work_load": "checkout"}])
def test_a_misspelt_field_is_no_extra(given: dict[str, str]):
    """A typo in a namespace must not look at another one."""
    with pytest.raises(BadInput, match=r"did you mean '(namespace|workload)'"):
        target(given, {})
    with pytest.raises(BadInput, match="did you mean"):
        target(None, given)
    with pytest.raises(BadInput, match="did you mean 'servers'"):
        target(None, {"server": "kubernetes"})


def test_what_is_no_field_of_a_target_becomes_extra():
    """Requests of other systems have fields of their own, which a mapping may need."""
    read = target({"namespace": "shop", "team": "payments", "extra": {"region": "eu"}}, {"ticket": 7})

    assert read == Target(namespace="shop", extra={"region": "eu", "team": "payments", "ticket": 7})


def test_a_target_may_be_written_as_text():
    """People say `shop/checkout`."""
    assert target("shop/checkout.v2", {}) == Target(namespace="shop", workload="checkout.v2")
    assert target("shop", {}) == Target(namespace="shop")


@pytest.mark.parametrize(
    "given", ["Why is it failing?", "shop/", "shop/a/b", "-shop", "", 42, ["shop"], Entity(kind="", name="")]
)
def test_what_is_no_target_is_refused_in_a_sentence(given: Any):
    """A wrong type is the caller's, so its error must be in the caller's words."""
    with pytest.raises(BadInput, match="such as 'shop/checkout'"):
        target(given, {})


def test_a_single_server_is_one_name():
    """A text is iterable, and its letters are no servers."""
    assert names("kubernetes") == ["kubernetes"]
    assert names(("a", "b")) == ["a", "b"]
    with pytest.raises(BadInput, match="named by text"):
        names([1])  # type: ignore[list-item]


def test_what_a_question_is_about_is_no_question():
    """The two are easily swapped."""
    with pytest.raises(BadInput, match="say second what it is about"):
        question(Target())
    assert question("Why?") == "Why?"


def test_an_answer_stands_for_its_proposals():
    """One may execute what one was answered."""
    one = Proposal(call=ToolCall(server="kubernetes", tool="scale_deployment"), why="", proposed_by=("you",))

    assert proposals(Answer.model_construct(proposals=(one,))) == [one]
    assert proposals(one) == proposals([one]) == [one]
    for wrong in ("yes", [one.call], None):
        with pytest.raises(BadInput, match=r"give answer\.proposals"):
            proposals(wrong)  # type: ignore[arg-type]


def test_a_model_says_in_one_line_what_is_wrong_with_it():
    """Nobody learns from an address of a library's error pages."""
    with pytest.raises(BadInput) as caught:
        Target(namspace="shop")  # type: ignore[call-arg]

    assert str(caught.value) == "this is not a Target: namspace: no such field, did you mean namespace?"
    assert Entity(kind="Pod", name="a").model_copy() == Entity.model_validate({"kind": "Pod", "name": "a"})
    with pytest.raises(ValidationError):
        Entity.model_validate({})


def test_a_list_of_parts_can_be_read_where_it_is_printed():
    """`print(result.content)` shows what came, not of which kinds it is."""
    assert repr((Content(kind="text", text="two\n pods"),)) == "(<text: two pods>,)"
    assert repr(Content(kind="text", text="x" * 999)) == f"<text: {'x' * 60} ...>"
    assert repr(Content(kind="image", data="AAAA", mime_type="image/png")) == "<image: image/png>"


def test_using_what_was_not_awaited_says_so():
    """The first line of many notebooks lacks its `await`."""
    connecting = codenb.connect("demo")

    with pytest.raises(BadInput, match=r"await codenb\.connect"):
        connecting.call  # type: ignore[attr-defined]  # noqa: B018
    assert not hasattr(connecting, "call")
    assert not hasattr(connecting, "_repr_html_")


async def test_a_session_is_data_too(project: Project):
    """A job writes down where it ran."""
    project.counting()
    async with codenb.connect("demo:healthy", home=project.folder) as nb:
        told = nb.to_dict()

    assert [one["server"] for one in told["servers"]] == ["kubernetes", "deployment", "toy"]
    assert told["place"]["identity"] == EMBEDDED_UID
    everything = {"namespaces": ["*"], "reason": ""}
    assert told["changes"] == {"kubernetes": everything, "deployment": everything}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [({"alrt": "X"}, "has no argument 'alrt': did you mean 'alert'?"), ({}, "needs alert"), ({"alert": "X"}, "")],
)
async def test_other_peoples_arguments_are_checked_before_anybody_is_asked(
    project: Project, arguments: dict[str, str], words: str
):
    """A person should not approve a call that cannot work."""
    project.serving("silencer", SILENCER)
    async with codenb.connect("demo:healthy", home=project.folder) as nb:
        said = await _said(nb, arguments)

    assert words in said
    assert bool(words) == bool(said)


async def _said(nb: Session, arguments: dict[str, str]) -> str:
    try:
        proposal = await nb.propose("silencer", "silence", **arguments)
    except CodenbError as error:
        return f"{type(error).__name__}: {error}"
    return proposal.problem or ""


SILENCER = '''
from mcp.server import MCPServer

server = MCPServer("silencer")


@server.tool()
def silence(alert: str, minutes: int = 5) -> str:
    """Silence an alert."""
    return alert


server.run()
'''
