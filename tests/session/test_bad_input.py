"""What is wrong is said in one line where it happens; the rest of the answer is kept, and nothing is left running."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import codenb
from codenb.demo import WorldThread
from codenb.errors import BadInput, CodenbError, ConfigError, CredentialsRejected, ToolError, UnknownServer, UnknownTool
from codenb.views import to_text
from tests.host.helpers import nothing_since
from tests.session.conftest import Project

CLUSTER = "kubernetes"
OWN = ["kubernetes", "deployment"]


@pytest.fixture
def reach(foreign_world: WorldThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Points KUBECONFIG at the foreign cluster, changed as a test wants."""

    def pointed(**changed: str) -> None:
        config = yaml.safe_load(foreign_world.kubeconfig.read_text())
        if "token" in changed:
            for user in config["users"]:
                user["user"]["token"] = changed["token"]
        if "server" in changed:
            config["clusters"][0]["cluster"]["server"] = changed["server"]
        config["current-context"] += changed.get("suffix", "")
        file = tmp_path / "kubeconfig"
        file.write_text(yaml.safe_dump(config))
        monkeypatch.setenv("KUBECONFIG", str(file))

    pointed()
    return pointed


def one_line(error: BaseException | str) -> str:
    """The message, which must be one line for a person."""
    text = str(error)
    assert "\n" not in text
    assert "Traceback" not in text
    assert len(text) < 500
    return text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "line 1, column 2: not JSON"),
        ('{"servers": {}}', "name it mcpServers"),
        ('{"mcpServers": {"a": {"command": ["npx"]}}}', "mcpServers.a.command is a list, not text"),
    ],
)
async def test_a_broken_file_is_named_with_its_place(project: Project, content: str, words: str):
    """A comma in the wrong place keeps a session from coming up, so it must be found at once."""
    (project.folder / ".mcp.json").write_text(content)

    with pytest.raises(ConfigError) as caught:
        await codenb.connect(project.folder)

    assert words in one_line(caught.value)


async def test_without_any_file_there_is_the_cluster_of_the_current_context(project: Project, reach):
    """Nothing to configure for a first look, and nothing that may be changed."""
    async with codenb.connect(project.folder) as nb:
        assert [row.server for row in nb.host.status()] == OWN
        assert (await nb.call(CLUSTER, "get_pods", namespace="shop")).data["pods"]
        assert not any(one.changes for one in nb.about)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (("kubernets", "get_pods", {}), UnknownServer, "did you mean 'kubernetes'?"),
        ((CLUSTER, "get_pod", {}), UnknownTool, "did you mean 'get_pods'?"),
        ((CLUSTER, "get_pods", {"namspace": "shop"}), BadInput, "namspace"),
        ((CLUSTER, "get_pods", {"limit": "many"}), ToolError, "limit"),
        ((CLUSTER, "get_pods", {"namespace": {"a", "set"}}), BadInput, "set"),
        ((CLUSTER, "get_logs", {"pod": "no-such-pod", "namespace": "shop"}), ToolError, "no-such-pod"),
    ],
)
async def test_a_wrong_call_says_what_is_wrong_with_it(project: Project, reach, call: Any, error: Any, words: str):
    """The commonest errors in a notebook are typing errors; the message has to name the word."""
    server, tool, arguments = call
    async with codenb.connect(project.folder) as nb:
        with pytest.raises((error, ToolError)) as caught:
            await nb.call(server, tool, **arguments)

        assert words in one_line(caught.value)
        assert (await nb.call(CLUSTER, "get_pods", namespace="shop")).data["pods"]


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (("dies",), "the database is on fire"),
        (("floods", "50"), "answered more than 8,388,608 bytes"),
        (("garbled",), "is no MCP message"),
        (("dies-at-once", "/dev/null"), "ended with exit code 1"),
    ],
)
@pytest.mark.usefixtures("no_waits")
async def test_one_bad_server_costs_its_own_answer_only(
    project: Project, reach, how: tuple[str, ...], words: str, running_before: list[int]
):
    """A diagnosis is made when something is broken already: the hole is shown as a hole, the rest is used."""
    project.misbehaving(*how)
    async with codenb.connect(project.folder) as nb:
        answer = await nb.consult("Why is checkout failing?", {"namespace": "shop", "workload": "checkout"})
        bundle = await nb.gather(namespace="shop")

        assert answer.consensus.leading is not None
        assert [item.server for item in bundle.items if item.status == "ok"] == OWN
        assert words in one_line(bundle.missing["other.go"])
        assert "other" in to_text(bundle.view())
    await nothing_since(running_before)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"token": "expired"}, "does not accept the credentials (Unauthorized): log in again"),
        ({"server": "https://127.0.0.1:1"}, "cannot be reached"),
        ({"suffix": "-of-yesterday"}, "has no context 'foreign-of-yesterday'"),
    ],
)
async def test_a_cluster_that_cannot_be_had_is_said_everywhere(
    project: Project, reach, changed, words: str, running_before: list[int]
):
    """The session comes up and says why it sees nothing: other servers may still help."""
    project.misbehaving("well")
    reach(**changed)
    async with codenb.connect(project.folder) as nb:
        seen = " ".join(to_text(nb.view(), 10_000).split())
        bundle = await nb.gather(namespace="shop")
        proposal = await nb.propose(CLUSTER, "scale_deployment", name="cart", namespace="shop", replicas=3)
        outcomes = await nb.execute(proposal, codenb.demo_policy())
        with pytest.raises((CredentialsRejected, ToolError)) as caught:
            await nb.call(CLUSTER, "get_pods", namespace="shop")

    assert seen.count(words) == 1
    assert "nothing: as long as it is not known which cluster this is" in seen
    assert words in one_line(bundle.missing["kubernetes.gather_context"])
    assert [item.server for item in bundle.items if item.status == "ok"] == ["other"]
    assert words in one_line(proposal.problem or "")
    assert "nothing was changed" in one_line(outcomes[0].message)
    assert words in one_line(caught.value)
    await nothing_since(running_before)


async def test_who_may_only_read_gets_what_may_be_read(project: Project, reach):
    """On call one has often read access only: the picture is as whole as the rights, and a change names the right."""
    reach(suffix="-viewer")
    async with codenb.connect(project.folder) as nb:
        answer = await nb.consult("Why is checkout failing?", {"namespace": "shop", "workload": "checkout"})
        proposal = await nb.propose(CLUSTER, "scale_deployment", name="cart", namespace="shop", replicas=3)
        bundle = await nb.gather(namespace="shop")

    assert answer.consensus.leading is not None
    assert bundle.items[0].status == "partial"
    assert "verb 'list' on 'secrets'" in bundle.missing["kubernetes.gather_context: part"]
    assert "ask for a role with verb 'patch'" in one_line(proposal.problem or "")


async def test_a_closed_session_says_so(project: Project):
    """Cells are run again out of order; the message has to tell what to do."""
    nb = await codenb.connect(project.folder)
    await nb.close()

    with pytest.raises(CodenbError, match="this session is closed: connect again"):
        await nb.call(CLUSTER, "get_pods")
