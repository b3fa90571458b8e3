"""Short schemas: they name what a model needs and accept what the whole ones accept."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Literal

import jsonschema
from hypothesis import given
from hypothesis import strategies as st
from mcp import Client
from pydantic import BaseModel, Field, JsonValue, TypeAdapter

from codenb.servers import make_server, reads
from codenb.servers._base._schemas import shorten, shorten_answer


class Row(BaseModel):
    """A row."""

    title: str = Field(description="What it is called.")
    at: datetime
    size: int | None = None


class Answer(BaseModel):
    """A user's answer, of every form that pydantic writes in many words."""

    state: Literal["on", "off"] = "on"
    rows: list[Row] = Field(default_factory=list)
    by_name: dict[str, Row] = Field(default_factory=dict)
    extra: dict[str, JsonValue] = Field(default_factory=dict)
    anything: JsonValue = None
    row: Row | None = None
    properties: str | None = None
    default: str = ""
    count: int | float | None = Field(default=3, description="How many.")


def accepts(schema: dict, value: object) -> bool:
    """Whether a value is in the shape of a schema."""
    return jsonschema.Draft202012Validator(schema).is_valid(value)


@given(st.builds(Answer, anything=st.integers() | st.text() | st.none(), extra=st.just({"a": [1, {"b": None}]})))
def test_an_answer_that_fits_the_whole_schema_fits_the_short_one(answer):
    """A client checks answers against the schema it was told: one it would refuse is lost to the person."""
    whole = TypeAdapter(Answer).json_schema(mode="serialization")
    short = copy.deepcopy(whole)
    shorten_answer(short)
    value = answer.model_dump(mode="json")

    assert accepts(whole, value)
    assert accepts(short, value)
    assert len(str(short)) < 0.7 * len(str(whole))
    for wrong in ({"state": "maybe"}, {"rows": "none"}, {"rows": [{"title": 5}]}, {"count": "many"}):
        assert not accepts(short, value | wrong)


def test_arguments_keep_their_names_bounds_and_defaults():
    """Only words go that say nothing; a null that differs from leaving an argument out is still offered."""

    class Arguments(BaseModel):
        title: str
        selector: str = ""
        note: str | None = None
        namespace: str | None = "default"
        limit: int = Field(default=100, ge=1, le=500, description="Most rows.")
        amounts: dict[str, str | None] | None = None
        values: dict[str, JsonValue] = Field(default_factory=dict)

    schema = Arguments.model_json_schema()
    shorten(schema)

    assert schema["properties"] == {
        "title": {"type": "string"},
        "selector": {"type": "string"},
        "note": {"type": "string"},
        "namespace": {"default": "default", "type": ["string", "null"]},
        "limit": {"default": 100, "description": "Most rows.", "maximum": 500, "minimum": 1, "type": "integer"},
        "amounts": {"additionalProperties": {"type": ["string", "null"]}, "type": "object"},
        "values": {"type": "object"},
    }
    assert schema["required"] == ["title"]
    assert "$defs" not in schema


@reads
def counted(name: str, at: str | None = None) -> Answer:
    """Count something."""
    return Answer(properties=name, anything={"at": at}, rows=[Row(title=name, at=datetime(2026, 1, 1, tzinfo=UTC))])


async def test_clients_of_both_eras_accept_what_a_server_answers(mode: str):
    """The schema is cut after the tool was made: what is sent and what is told must still go together."""
    server = make_server("counter", tools=[counted])

    async with Client(server.mcp, mode=mode) as client:
        (tool,) = [one for one in (await client.list_tools()).tools if one.name == "counted"]
        result = await client.call_tool("counted", {"name": "a", "at": None})
        refused = await client.call_tool("counted", {"name": "a", "when": "now"})

    assert not result.is_error
    assert accepts(tool.output_schema, result.structured_content)
    assert result.structured_content["properties"] == "a"
    assert set(tool.output_schema["properties"]) == set(Answer.model_fields)
    assert tool.input_schema == {
        "type": "object",
        "properties": {"name": {"type": "string"}, "at": {"type": "string"}},
        "required": ["name"],
    }
    assert refused.is_error
    assert "no argument 'when'" in refused.content[0].text
