"""A recording is copied further than any other file: nothing secret may stand in it, wherever it came from."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from codenb.errors import CassetteError, CodenbError, ToolError
from codenb.host import Entry
from codenb.models import ToolCall
from codenb.session import Session
from tests.session.conftest import Yes
from tests.session.taping import recording, replaying, without_wall_times

TOKEN = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
SECRETS = ("swordfish-1", "swordfish-2", "swordfish-3", "swordfish-4", "hunter2", "corp-4711", TOKEN, "grant-of-mine")


async def with_secrets(nb: Session) -> list[Any]:
    """Secrets in arguments, answers, errors, addresses, prompts and questions, and what came of each."""
    found: list[Any] = []
    for how, key in (("", 1), ("quote", 2), ("fail", 3), ("destroy", 4)):
        pins = {"k": f"swordfish-{key}"}
        proposal = await nb.propose("vault", "rotate", names=["a", "b"], value=key, secrets=pins, how=how)
        outcomes = await nb.execute(proposal, Yes())
        found.append((proposal.to_dict(), [one.to_dict() for one in outcomes]))
    failed = await nb.propose("vault", "rotate", names=["nothing"], value=1, secrets={"k": "swordfish-1"})
    found.append(failed.to_dict())
    asked = [
        nb.call("plain", "secret"),
        nb.call("plain", "fail", kind=TOKEN),
        nb.call("plain", "rows", count=0, password="hunter2hunter2"),
        nb.read("plain", f"thing://{TOKEN}"),
        nb.read("plain", "thing://corp-4711"),
        nb.host.prompt("plain", "greet", {"name": TOKEN}),
        nb.host.change(ToolCall(server="plain", tool="delete", arguments={"name": TOKEN}), _granted),
        nb.host.recorded("model", ("someone", "large"), {"prompt": f"token {TOKEN}\npin corp-4711"}, _answers),
    ]
    for one in asked:
        try:
            answer = await one
            found.append(answer if isinstance(answer, dict) else answer.to_dict())
        except CodenbError as error:
            found.append((type(error), str(error)))
    return found


async def _granted(_ask: Any) -> Any:
    from codenb.host import Answered  # noqa: PLC0415

    return Answered(approve=True, grant="grant-of-mine")


async def _answers(_entry: Entry) -> dict[str, str]:
    return {"text": f"you said {TOKEN}", "password": "hunter2hunter2"}


async def test_no_secret_stands_in_a_recording(tmp_path: Path) -> None:
    """Secrets by form, by name, by pattern, by what only their tool knows; in every corner of the protocol."""
    file, again = tmp_path / "run.jsonl", tmp_path / "again.jsonl"
    (tmp_path / "codenb.toml").write_text('[changes]\n"server:vault" = ["*"]\n')
    key = {"redaction_key": b"of the one who records", "redaction_patterns": ("corp-[0-9]+",)}
    async with recording(tmp_path, file, "vault", "plain", **key) as nb:
        then = await with_secrets(nb)
    assert [outcomes[0]["status"] for _, outcomes in then[:4]] == ["applied", "failed", "failed", "applied"]
    data = file.read_bytes()
    for secret in SECRETS:
        assert secret.encode() not in data, secret

    # Another process has another key, and none of the project's patterns.
    async with replaying(file, record=again) as nb:
        now = await with_secrets(nb)
        assert nb.replay is not None
        assert (nb.replay.missed, nb.replay.unused) == ((), ())
    assert [_told(one) for one in now] == [_told(one) for one in then]
    assert again.read_bytes() == data


def _told(one: Any) -> Any:
    """What may be compared: a proposal whose preview failed shows its arguments as this process hides them."""
    shown = without_wall_times(one)
    if isinstance(shown, dict) and shown.get("problem"):
        shown["call"].pop("arguments")
    return shown


class Reply:
    """What a model's library answers with."""

    def __init__(self, text: str) -> None:
        self.text = text


async def test_a_model_is_not_asked_again(tmp_path: Path) -> None:
    """Its words, its tokens and what it cost are part of the run; the replay costs nothing."""
    file, asked = tmp_path / "run.jsonl", []

    async def ask(entry: Entry) -> Reply:
        asked.append(1)
        entry.input_tokens, entry.output_tokens, entry.cost_usd = 900, 50, Decimal("0.0123")
        if len(asked) == 2:
            raise ToolError("the model is overloaded", error_type="Overloaded")
        return Reply(f"{len(asked)}: the limit is too low, says {TOKEN}")

    async def consulted(nb: Session) -> list[Any]:
        found: list[Any] = []
        for _ in range(3):
            try:
                request = {"model": "large", "name": "x", "messages": [{"role": "user", "content": "why?\nwhy?"}]}
                code = {"encode": lambda reply: {"text": reply.text}, "decode": lambda data: Reply(data["text"])}
                found.append((await nb.host.recorded("model", ("someone", "large"), request, ask, **code)).text)
            except ToolError as error:
                found.append((str(error), error.error_type))
        return [found, [(one.status, one.input_tokens, one.output_tokens, one.cost_usd) for one in nb.calls]]

    async with recording(tmp_path, file, "plain") as nb:
        then = await consulted(nb)
    async with replaying(file) as nb:
        assert await consulted(nb) == then
    assert len(asked) == 3
    assert then[1] == [(status, 900, 50, Decimal("0.0123")) for status in ("ok", "error", "ok")]
    assert TOKEN not in file.read_text()


async def test_an_answer_that_is_no_data_is_said_when_it_is_recorded(tmp_path: Path) -> None:
    """Better than a recording that cannot be played back."""

    async def ask(_entry: Entry) -> Any:
        return Reply("x")

    async with recording(tmp_path, tmp_path / "run.jsonl", "plain") as nb:
        with pytest.raises(CassetteError, match="no JSON data, so it cannot be recorded"):
            await nb.host.recorded("model", ("someone", "large"), {"prompt": "x"}, ask)


async def test_a_full_disk_loses_no_answer(tmp_path: Path) -> None:
    """A change that was made is told; only what comes after it is refused, before it is sent."""
    import resource  # noqa: PLC0415

    file = tmp_path / "run.jsonl"
    (tmp_path / "journal").touch()
    async with recording(tmp_path, file, "plain") as nb:
        await nb.tools()
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size + 20, hard))
        try:
            assert (await nb.call("plain", "add", a=1, b=2)).data == 3
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        with pytest.raises(CassetteError, match="ends here: File too large"):
            await nb.call("plain", "remember", note_text="not sent")
    assert not (tmp_path / "journal").read_text()
