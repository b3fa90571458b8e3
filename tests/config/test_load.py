"""From two files and the environment to Settings, or to one line that says what to do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codenb.config import Limits, Retries, Settings, load
from codenb.errors import ConfigError
from codenb.models.embedded import EMBEDDED_UID

UID = "8f14e45f-ceea-467f-a0e6-1b2c3d4e5f60"


def project(folder, *, mcp=None, toml=None):
    """Write a project's files; `mcp` as data, text or bytes."""
    if mcp is not None:
        raw = mcp if isinstance(mcp, bytes) else mcp.encode() if isinstance(mcp, str) else json.dumps(mcp).encode()
        (folder / ".mcp.json").write_bytes(raw)
    if toml is not None:
        (folder / "codenb.toml").write_bytes(toml if isinstance(toml, bytes) else toml.encode())
    return folder


def complaint(folder, env=None, **files):
    """The one line that loading such a project ends with."""
    with pytest.raises(ConfigError) as caught:
        load(project(folder, **files), env or {})
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_without_any_file_the_built_in_servers_stand_and_nothing_may_be_changed(tmp_path):
    """The first use of codenb is on a cluster that somebody cares about."""
    found = load(tmp_path, {})

    assert [(server.name, server.transport) for server in found.servers.values()] == [
        ("kubernetes", "builtin"),
        ("deployment", "builtin"),
    ]
    assert not found.may_change(UID, "shop")[0]
    assert found.state_dir == tmp_path / ".mcp"
    assert list(tmp_path.iterdir()) == []


def test_the_folder_is_found_upward_and_codenb_home_wins(tmp_path, monkeypatch):
    """Notebooks live in folders below the project's."""
    inner = tmp_path / "a" / "notebooks" / "deep"
    inner.mkdir(parents=True)
    (other := tmp_path / "other").mkdir()
    monkeypatch.chdir(inner)

    (tmp_path / "a" / ".git").mkdir()
    assert load(env={}).home == tmp_path / "a"
    project(tmp_path, toml="")
    assert load(env={}).home == tmp_path / "a", "what lies above a checkout may start no program in it"
    project(tmp_path / "a" / "notebooks", toml="")
    assert load(env={}).home == tmp_path / "a" / "notebooks"
    assert load(env={"CODENB_HOME": str(other)}).home == other
    assert load(inner, env={"CODENB_HOME": str(other)}).home == inner


@pytest.mark.parametrize("home", ["/nowhere/at/all", "file", "a\0b"])
def test_a_home_that_is_no_folder_is_named(tmp_path, home):
    """A misspelt CODENB_HOME must not fall back to a project with other rights."""
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="CODENB_HOME"):
        load(env={"CODENB_HOME": home if home != "file" else str(tmp_path / "file")})


def test_a_file_of_other_hosts_works_unchanged(tmp_path):
    """A team has this file already; what only other hosts know is noted and passed over."""
    mcp = {
        "inputs": [],
        "mcpServers": {
            "everything": {"command": "npx", "args": ["-y", "${PKG:-server}"], "env": {"KEY": "${KEY}"}, "cwd": "sub"},
            "prom": {"type": "streamable-http", "url": "http://localhost:${PORT}/mcp", "autoApprove": ["x"]},
            "grafana": {"url": "https://g.example.com/mcp", "headers": {"Authorization": "Bearer ${KEY}"}},
            "off": {"command": "x", "disabled": True},
        },
    }
    found = load(project(tmp_path, mcp=mcp), {"KEY": "hunter2", "PORT": "9000"})
    everything, prom, grafana = (found.servers[name] for name in ("everything", "prom", "grafana"))

    assert (everything.transport, everything.command, everything.args) == ("stdio", "npx", ("-y", "server"))
    assert (dict(everything.env), everything.cwd) == ({"KEY": "hunter2"}, tmp_path / "sub")
    assert (prom.transport, prom.url) == ("http", "http://localhost:9000/mcp")
    assert grafana.headers["Authorization"] == "Bearer hunter2"
    assert found.disabled == ("off",)
    assert [note.rpartition(": ")[2] for note in found.notes] == [
        "mcpServers.prom.autoApprove is not used",
        "inputs is not used",
    ]
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"command": "x", "args": ["${NOPE}"]}, ["mcpServers.foo.args[0]", "NOPE is not set"]),
        ({"command": "x", "env": {"A.B": "${NOPE}"}}, ['mcpServers.foo.env."A.B"', "NOPE is not set"]),
        ({"url": "http://x", "headers": {"H": "${input:key}"}}, ["mcpServers.foo.headers.H", "${input:key}"]),
        ({"type": "sse", "url": "http://x/sse"}, ["sse", "not supported", "streamable HTTP"]),
        ({"type": "websocket", "url": "ws://x"}, ["'websocket'", "stdio"]),
        ({"type": "builtin"}, ["built-in servers are kubernetes"]),
        ({}, ["neither a command nor a url"]),
        ({"type": "http"}, ["neither a command nor a url"]),
        ({"command": "x", "url": "http://x"}, ["keep the one"]),
        ({"type": "http", "command": "x"}, ["there is a command"]),
        ({"type": "stdio", "url": "http://x"}, ["there is a url"]),
        ({"url": "file:///etc/passwd"}, ["mcpServers.foo.url"]),
        ({"url": "http://[::1"}, ["mcpServers.foo.url"]),
        ({"url": "http://x:99999/"}, ["mcpServers.foo.url"]),
        ({"url": "http://x", "headers": {"A": "${BREAK}"}}, ["mcpServers.foo.headers"]),
        ({"url": "http://x", "headers": {"A": "Bearer h\u00fcnter"}}, ["mcpServers.foo.headers", "not ASCII"]),
    ],
)
def test_what_is_wrong_with_one_server_stays_with_it(tmp_path, entry, words):
    """A missing token of one server must not keep a person from looking at the cluster with the others."""
    mcp = {"mcpServers": {"foo": entry, "good": {"command": "x"}}}
    found = load(project(tmp_path, mcp=mcp), {"BREAK": "a\r\nb"})

    found.servers["good"].check()
    with pytest.raises(ConfigError) as caught:
        found.servers["foo"].check()
    assert all(word in str(caught.value) for word in [".mcp.json", *words])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("mcp", "words"),
    [
        ('{"mcpServers": {\n  "a": }}', ["line 2, column 8"]),
        ('{"mcpServers": {"a": {"command": "x"}, "a": {"command": "y"}}}', ['"a" twice']),
        ('{"mcpServers": {"a": {"timeout": NaN}}}', ["NaN"]),
        ("[" * 100_000, ["nested too deeply"]),
        ("1" * 5000, ["not JSON"]),
        ("", ["line 1, column 1"]),
        (b"\xff\xfe{\x00}\x00", ["not UTF-8"]),
        (b" " * 10_000_000, ["10,000,000 bytes"]),
        ("[]", ["the whole is a list, not a table"]),
        ({"servers": {}}, ["mcpServers"]),
        ({"mcpServers": []}, ["mcpServers is a list"]),
        ({"mcpServers": {"foo": "npx"}}, ["mcpServers.foo is text, not a table"]),
        ({"mcpServers": {"foo": {"command": 1}}}, ["mcpServers.foo.command is a number, not text"]),
        ({"mcpServers": {"foo": {"command": "x", "args": ["a", 1]}}}, ["mcpServers.foo.args[1] is a number, not text"]),
        ({"mcpServers": {"foo": {"command": "x", "env": {"A": None}}}}, ["mcpServers.foo.env.A is null, not text"]),
        ({"mcpServers": {"a.b": {"disabled": "yes"}}}, ['mcpServers."a.b".disabled is text, not true or false']),
        ({"mcpServers": {"foo": {"command": "a\0b"}}}, ["mcpServers.foo.command"]),
        ({"mcpServers": {"": {"command": "x"}}}, ["no name for a server"]),
    ],
)
def test_a_broken_mcp_json_is_one_line_with_the_place(tmp_path, mcp, words):
    """A trace of the JSON parser tells nobody which line to mend."""
    text = complaint(tmp_path, mcp=mcp)

    assert all(word in text for word in [str(tmp_path / ".mcp.json"), *words])


def test_a_byte_order_mark_is_no_fault(tmp_path):
    """Editors on Windows write one."""
    project(tmp_path, mcp=b'\xef\xbb\xbf{"mcpServers": {"a": {"command": "x"}}}', toml=b"\xef\xbb\xbf[changes]\n")

    assert "a" in load(tmp_path, {}).servers


@pytest.mark.parametrize("name", [".mcp.json", "codenb.toml"])
def test_a_path_that_is_no_readable_file_is_named(tmp_path, name):
    """A folder, a pipe, a dead link: reading one would hang or end in a trace."""
    place = tmp_path / name
    place.mkdir()
    assert f"{place} is not a file" in complaint(tmp_path)
    place.rmdir()
    os.mkfifo(place)
    assert f"{place} is not a file" in complaint(tmp_path)
    place.unlink()
    place.symlink_to("nowhere")
    assert f"{place} is a link" in complaint(tmp_path)
    place.unlink()
    place.symlink_to(name)
    assert str(place) in complaint(tmp_path)


def test_a_file_that_may_not_be_read_is_named():
    """Read by a process without root's rights, because root may read everything; in a folder open to it."""
    code = (
        "import os, sys; from pathlib import Path\n"
        "from codenb.config import load; from codenb.errors import ConfigError\n"
        "os.getuid() or os.setuid(65534)\n"
        "try: load(Path(sys.argv[1]), {})\n"
        "except ConfigError as error: print(error)"
    )
    with tempfile.TemporaryDirectory() as made:
        folder = project(Path(made).resolve(), mcp="{}")
        folder.chmod(0o755)
        (folder / ".mcp.json").chmod(0)
        done = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, check=True)

    assert done.stdout == f"{folder / '.mcp.json'} cannot be read: Permission denied\n"


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("[changes\n", ["not TOML", "line 1"]),
        ("a = " + "[" * 10_000, ["codenb.toml"]),
        ("[change]\n", ["change is not a setting", "did you mean changes?"]),
        ('[changes]\n"*" = ["shop"]\n', ["names no cluster"]),
        ('[changes]\nabc = "shop"\n', ["changes.abc is text, not a list"]),
        ('[changes]\nabc = ["shop-*"]\n', ["'shop-*'", "no namespace"]),
        ("[servers.kubernets]\nenabled = false\n", ["kubernets", "did you mean kubernetes?"]),
        ('[servers.foo]\nreadonly = ["x"]\n', ["servers.foo.readonly", "did you mean read_only?"]),
        ('[servers.foo]\nread_only = "x"\n', ["servers.foo.read_only is text, not a list"]),
        ("[retry]\nattempts = 0\n", ["retry.attempts", "between 1 and 100"]),
        ("[retry]\nattemps = 3\n", ["retry.attemps", "attempts"]),
        ("[servers.foo]\nmax_connections = 0\n", ["servers.foo.max_connections", "between 1 and 100"]),
        ("[servers.foo]\nmax_connections = 1.5\n", ["not a whole number"]),
        ("[servers.foo]\ntimeout_s = inf\n", ["servers.foo.timeout_s"]),
        ("[servers.foo]\ntimeout_s = true\n", ["servers.foo.timeout_s is a boolean"]),
        ('[servers.foo]\nttl = { "get_*" = -1 }\n', ['servers.foo.ttl."get_*"']),
        ('[servers.foo]\nmode = "fast"\n', ["servers.foo.mode", "auto, legacy"]),
        ("[[servers.foo.gather]]\n", ["servers.foo.gather[0]", "names no tool"]),
        ('[[servers.foo.gather]]\ntool = "q"\n', ["'q'", "not declared read-only", "servers.foo.read_only"]),
        ('[servers.foo]\nread_only=["q"]\n[[servers.foo.gather]]\ntool="q"\nargs={}\n', ["did you mean arguments?"]),
        (
            '[servers.foo]\nread_only=["q"]\ngather=[{tool="q", arguments={a="{namespce}"}}]\n',
            ["did you mean namespace?"],
        ),
        ('[servers.foo]\nread_only=["q"]\ngather=[{tool="q", arguments={a="{{x}"}}]\n', ["one side only"]),
        ('[servers.foo]\nread_only=["q"]\ngather=[{tool="q", arguments={a=2024-01-01}}]\n', ["date"]),
        ('[redaction]\npatterns = ["("]\n', ["redaction.patterns", "'('"]),
        ('[redaction]\npattern = ["x"]\n', ["did you mean patterns?"]),
        ('[[experts]]\nname = "a"\n', ["experts[0] has no kind"]),
        ("[limits]\ntimeout = 1\n", ["did you mean timeout_s?"]),
    ],
)
def test_a_mistake_in_codenb_toml_never_passes(tmp_path, toml, words):
    """Its settings say what may be changed; a misspelt one that is ignored is a hole."""
    text = complaint(tmp_path, toml=toml, mcp={"mcpServers": {"foo": {"command": "x"}}})

    assert all(word in text for word in ["codenb.toml", *words])


def test_what_is_declared_about_a_server_is_kept(tmp_path):
    """The whole table as a reader of the manual would write it."""
    toml = """
        [servers.prom]
        read_only = ["execute_query", "list_*"]
        gather = [{ tool = "execute_query", arguments = { query = "up{namespace=\\"{namespace}\\"}" } }]
        roots = ["manifests", "/srv"]
        ttl = { "list_*" = 60, "*" = 2.5 }
        max_connections = 4
        timeout_s = 20
        line_limit_bytes = 1048576
        mode = "legacy"
        [servers.kubernetes]
        enabled = false
        [[experts]]
        kind = "claude"
        model = "any"
        [approval]
        key = "x"
        [limits]
        context_tokens = 4000
        change_timeout_s = 30
        idle_s = 60
        [retry]
        attempts = 3
        pause_s = 5
    """
    found = load(project(tmp_path, mcp={"mcpServers": {"prom": {"command": "x"}}}, toml=toml), {})
    prom = found.servers["prom"]

    assert list(found.servers) == ["deployment", "prom"]
    assert found.disabled == ("kubernetes",)
    assert [prom.is_read_only(tool) for tool in ("execute_query", "list_metrics", "delete", "LIST_x")] == [
        True,
        True,
        False,
        False,
    ]
    assert [prom.ttl_of(tool) for tool in ("list_metrics", "execute_query")] == [60, 2.5]
    assert prom.roots == (tmp_path / "manifests", Path("/srv"))
    assert (prom.max_connections, prom.timeout_s, prom.line_limit_bytes, prom.mode) == (4, 20.0, 1048576, "legacy")
    assert found.experts[0]["model"] == "any"
    assert (found.limits.context_tokens, found.limits.change_timeout_s, found.limits.idle_s) == (4000, 30, 60)
    assert found.retry == Retries(attempts=3, pause_after_s=10, pause_s=5)


def test_what_the_deployment_server_may_use_is_read_as_paths_of_the_project(tmp_path):
    """A workspace that needs no approval is a folder, whatever a caller calls it; a link to it is the folder too."""
    toml = """
        [servers.deployment]
        auto_approve = ["infra/dev", "/srv/scratch"]
        program = "bin/tofu"
        prices = "prices.csv"
    """
    (tmp_path / "infra" / "dev" / "web").mkdir(parents=True)
    (tmp_path / "infra" / "development").mkdir()
    found = load(project(tmp_path, toml=toml), {}).servers["deployment"]

    assert found.auto_approve == (tmp_path / "infra" / "dev", Path("/srv/scratch"))
    assert found.auto_approves(tmp_path / "infra" / "dev") == str(tmp_path / "infra" / "dev")
    assert found.auto_approves(tmp_path / "infra" / "dev" / "web") == str(tmp_path / "infra" / "dev")
    assert found.auto_approves(tmp_path / "infra" / "development") is None
    assert found.auto_approves(tmp_path / "infra") is None
    assert (found.program, found.prices) == (str(tmp_path / "bin" / "tofu"), tmp_path / "prices.csv")
    assert (
        load(project(tmp_path, toml='[servers.deployment]\nprogram = "tofu"\n'), {}).servers["deployment"].program
        == "tofu"
    ), "a name is looked up where programs are"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('auto_approve = [""]', "auto_approve"),
        ('auto_approve = "infra/dev"', "not a list"),
        ("auto_approve = true", "not a list"),
        ('program = "-chdir=/"', "is an option"),
        ("prices = 3", "not text"),
    ],
)
def test_a_setting_that_would_approve_or_run_anything_is_refused(tmp_path, line, words):
    """An empty path is the whole project, and `true` would be every workspace there ever is."""
    assert words in complaint(tmp_path, toml=f"[servers.deployment]\n{line}\n")


def test_a_workspace_is_named_by_its_identity(tmp_path):
    """The line that a refusal of a Terraform change shows is taken as it stands, and is not said to have no effect."""
    identity = "terraform:local:/srv/infra/terraform.tfstate:default"
    found = load(project(tmp_path, toml=f'[changes]\n"{identity}" = ["*"]\n'), {})

    assert found.may_change(identity, None, kind="workspace") == (True, "")
    assert found.notes == ()
    refused = load(project(tmp_path, toml=""), {}).may_change(identity, None, kind="workspace")
    assert f'add "{identity}" = ["*"] under [changes] in {tmp_path / "codenb.toml"}' in refused[1]


def test_an_entry_takes_the_place_of_a_built_in_server(tmp_path):
    """A team may run the kubernetes server elsewhere; then the one in process must not answer in its name."""
    remote = load(project(tmp_path, mcp={"mcpServers": {"kubernetes": {"url": "http://k:1/mcp"}}}), {})
    named = load(project(tmp_path, mcp={"mcpServers": {"kubernetes": {"type": "builtin"}}}), {})

    assert remote.servers["kubernetes"].transport == "http"
    assert named.servers["kubernetes"].transport == "builtin"
    assert named.servers["kubernetes"].problem is None


@pytest.mark.parametrize(
    ("uid", "namespace", "allowed", "words"),
    [
        (UID, "shop", True, []),
        (UID, "pay", False, ['add "pay"', f'"{UID}"', "[changes]", "codenb.toml"]),
        (UID, None, False, ['add "*"']),
        ("all", "pay", True, []),
        ("all", None, True, []),
        ("other", "shop", False, ["changes are off for cluster other", 'add "other" = ["shop"] under [changes] in']),
        ("none", "shop", False, ['"none" = ["shop"]']),
        ("", "shop", False, ["identity"]),
        (EMBEDDED_UID, "anything", True, []),
    ],
)
def test_changes_are_off_until_the_cluster_and_namespace_are_named(tmp_path, uid, namespace, allowed, words):
    """The refusal names the line to add, so that nobody has to search the manual in an outage."""
    found = load(project(tmp_path, toml=f'[changes]\n"{UID}" = ["shop"]\nall = ["*"]\nnone = []\n'), {})
    may, why = found.may_change(uid, namespace)

    assert may is allowed
    assert all(word in why for word in words)
    assert "\n" not in why


def test_what_has_no_effect_is_said(tmp_path):
    """A line that does nothing lets people believe that they may, or may not, change something."""
    toml = (
        f'[changes]\nprod-context = ["shop"]\n"{EMBEDDED_UID}" = ["shop"]\n"server:flags" = ["*"]\n'
        f'"derived:{"0f" * 32}" = ["shop"]\n[servers.kubernetes]\nread_only = ["scale_*"]\n'
    )
    found = load(project(tmp_path, toml=toml), {})

    builtin, context = found.notes
    assert "servers.kubernetes.read_only has no effect" in builtin
    assert "changes.prod-context does not look like an identity" in context
    assert "write the one that a refusal shows, not the name of a context" in context


@pytest.mark.parametrize("uid", [UID, EMBEDDED_UID, "other"])
def test_the_read_only_switch_wins_over_everything(tmp_path, uid):
    """A person who sets it on a shared machine wants no exception, not even the embedded world."""
    found = load(project(tmp_path, toml=f'[changes]\n"{UID}" = ["*"]\n'), {"CODENB_READ_ONLY": "1"})

    assert found.may_change(uid, "shop") == (False, found.may_change(uid, "x")[1])
    assert "CODENB_READ_ONLY" in found.may_change(uid, "shop")[1]


@pytest.mark.parametrize("env", [{"CODENB_READ_ONLY": "ture"}, {"CODENB_READONLY": "1"}, {"codenb_read_only": "1"}])
def test_a_misspelt_read_only_switch_is_an_error(tmp_path, env):
    """Read as off, it would leave changes on."""
    assert "CODENB_READ_ONLY" in complaint(tmp_path, env)


def test_the_environment_is_kept_and_the_redaction_key_is_not_shown(tmp_path):
    """Two processes with one key write the same pseudonyms; whoever sees the key could try passwords out."""
    env = {"CODENB_CONNECT": "demo:oom", "CODENB_DECISIONS": "d.json", "CODENB_REDACTION_KEY": "hunter2"}
    found = load(project(tmp_path, toml="[redaction]\npatterns = ['acme-\\d+']\n"), env)

    assert (found.connect, found.decisions) == ("demo:oom", Path("d.json"))
    assert found.redactor().text("acme-1 password=x") == load(tmp_path, env).redactor().text("acme-1 password=x")
    assert "acme-1" not in found.redactor().text("acme-1")
    assert "hunter2" not in repr(found)


def test_a_command_line_is_shown_as_written(tmp_path):
    """Tokens are passed as arguments too; what is shown is the file's text, itself redacted."""
    mcp = {"mcpServers": {"a": {"command": "x", "args": ["--key", "${K}", "--password=plain-1"]}}}
    shown = repr(load(project(tmp_path, mcp=mcp), {"K": "hunter2"}))

    assert "${K}" in shown
    assert "hunter2" not in shown
    assert "plain-1" not in shown


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
entry_keys = st.sampled_from(["command", "args", "env", "cwd", "type", "url", "headers", "disabled"]) | st.text(
    max_size=5
)
values = st.recursive(
    scalars | st.sampled_from(["http", "builtin", "stdio", "${A}", "http://x", "${A:-b}"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
entries = st.dictionaries(entry_keys, values, max_size=5)
mcp_files = st.one_of(
    values.map(json.dumps),
    st.dictionaries(st.text(max_size=5) | st.just("kubernetes"), entries | values, max_size=3).map(
        lambda servers: json.dumps({"mcpServers": servers})
    ),
    st.text(max_size=30),
)

TOML_VALUES = """1 -1 1.5 nan true "a" "{namespace}" "{x}" ["a"] ["*"] [1] {a=1} 2024-01-01 [{tool="a"}] [[]] '(' 1e400
    [{tool="a",arguments={q="{{}}"}}] 999999999999999999999999999999"""
TOML_KEYS = """read_only gather roots ttl max_connections timeout_s line_limit_bytes mode enabled patterns answer_bytes
    kind name "8f" zzz experts servers"""
toml_values = st.sampled_from(TOML_VALUES.split())
toml_keys = st.sampled_from(TOML_KEYS.split())
toml_tables = st.sampled_from(
    [
        "changes",
        "servers",
        "servers.kubernetes",
        "servers.x",
        "approval",
        "access",
        "redaction",
        "limits",
        '"a b"',
        "[experts]",
    ]
)
toml_files = st.lists(
    st.one_of(
        st.tuples(toml_keys, toml_values).map(" = ".join),
        toml_tables.map(lambda name: f"[{name}]"),
        st.text(max_size=10),
    ),
    max_size=8,
).map("\n".join)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    mcp_files, toml_files, st.dictionaries(st.sampled_from(["A", "CODENB_READ_ONLY"]), st.sampled_from(["", "1", "x"]))
)
def test_any_files_give_settings_or_one_line(tmp_path, mcp, toml, env):
    """A trace in place of a sentence is a fault, whatever somebody wrote."""
    (tmp_path / ".mcp.json").write_bytes(mcp.encode("utf-8", "surrogatepass"))
    (tmp_path / "codenb.toml").write_bytes(toml.encode("utf-8", "surrogatepass"))
    try:
        found = load(tmp_path, env)
    except ConfigError as error:
        found = str(error)
    assert isinstance(found, Settings) or len(found.splitlines()) == 1


def test_importing_config_is_light():
    """`import codenb` stands at the top of every notebook; the SDK alone costs half a second."""
    code = (
        "import sys, codenb.config; print([m for m in ('mcp', 'pydantic', 'kubernetes', 'yaml') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


@pytest.mark.parametrize("value", ["60", None, 0, -1, True, float("nan")])
def test_limits_are_numbers_also_where_they_are_made_in_code(value):
    """Found by a test that gave text: the error came from inside the event loop, minutes later."""
    with pytest.raises(ConfigError, match=r"the limit timeout_s is .*give a number over 0"):
        Limits(timeout_s=value)
