"""What a person can get wrong in a cell: each is one line that says what to do, and none is Python's own complaint."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import codenb
from codenb.errors import CodenbError

APP = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: web, namespace: staging}
data: {LEVEL: info}
"""

WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: staging}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: app, image: "registry.example/test-app:1.0"}]}
"""

Wrong = Callable[[Any], Coroutine[Any, Any, Any]]

WRONG: dict[str, Wrong] = {
    "nothing was named": lambda nb: nb.validate(),
    "not by a value of type int": lambda nb: nb.validate(5),
    "'' is no path": lambda nb: nb.validate(""),
    "outside of the root": lambda nb: nb.validate("/etc"),
    "'nowhere' does not exist": lambda nb: nb.call(
        "deployment", "validate_deployment", type="auto", config_path="nowhere"
    ),
    "should be 'auto', 'terraform', 'kubernetes' or 'docker'": lambda nb: nb.validate(APP, type="helm"),
    "write it like 1.37": lambda nb: nb.validate(APP, kubernetes_version="9"),
    "there is no apiVersion": lambda nb: nb.diff("a: 1\n"),
    "did not find expected node content": lambda nb: nb.diff("a: [\n"),
    "make them agree": lambda nb: nb.diff(APP, namespace="shop"),
    "serves no Bar of foo/v1": lambda nb: nb.diff("apiVersion: foo/v1\nkind: Bar\nmetadata: {name: x}\n"),
    "field not declared in schema": lambda nb: nb.diff(WEB.replace("replicas", "replicaz")),
    "a path is text": lambda nb: nb.plan(5),
    "'-x' is no path": lambda nb: nb.plan("-x"),
    "variables are a mapping": lambda nb: nb.plan(".", "size=large"),
    "the infrastructure is empty": lambda nb: nb.estimate([]),
    "count is -1": lambda nb: nb.estimate([{"type": "m5.large", "count": -1}]),
    "'duration_hours'": lambda nb: nb.estimate([{"type": "m5.large"}], duration_hours=-5),
    "not by a value of type object": lambda nb: nb.estimate(object()),
    "undo takes one outcome": lambda nb: nb.undo(None),
    "use nb.propose('deployment', 'deploy_kubernetes'": lambda nb: nb.call(
        "deployment", "deploy_kubernetes", manifests=[APP]
    ),
}

PROPOSED: dict[str, tuple[str, dict[str, Any]]] = {
    "argument 'timeout'": ("deploy_kubernetes", {"manifests": [APP], "timeout": -1}),
    "argument 'manifests'": ("deploy_kubernetes", {"manifests": APP}),
    "'wiat'": ("deploy_kubernetes", {"manifests": [APP], "wiat": True}),
    "'-f' begins with -": ("deploy_kubernetes", {"manifests": ["-f"]}),
    "'../../etc' is outside of the root": ("deploy_kubernetes", {"manifests": ["../../etc"]}),
    "'x' is no plan id": ("apply_terraform", {"workspace": ".", "plan_id": "x"}),
    "auto_approve is not a caller's to decide": ("apply_terraform", {"workspace": ".", "auto_approve": True}),
}


async def test_each_is_one_line_of_ours(tmp_path, monkeypatch):
    """Found by typing them: `nb.undo(None)` said that NoneType has no attribute."""
    monkeypatch.setenv("CODENB_HOME", str(tmp_path))
    async with codenb.connect("demo:deploy") as nb:
        for words, wrong in WRONG.items():
            assert words in await _said(wrong, nb)
        for words, (tool, arguments) in PROPOSED.items():
            proposal = await nb.propose("deployment", tool, **arguments)
            assert words in _line(proposal.problem or f"{tool} {arguments} was accepted")


async def _said(wrong: Wrong, nb: codenb.Session) -> str:
    try:
        answer = await wrong(nb)
    except CodenbError as error:
        return _line(str(error))
    return f"was accepted: {answer}"


def _line(text: str) -> str:
    assert "\n" not in text
    return text
