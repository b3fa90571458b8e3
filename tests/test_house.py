"""Rules of the house that no linter knows."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import codenb
from tests.notebooks.stripped import carrying_outputs

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("kubernetes", "aiohttp", "pandas", "plotly", "pydantic_ai", "ipywidgets")


def loaded_after(source: str) -> set[str]:
    """Top-level modules in a fresh interpreter after running some code."""
    program = f"{source}\nimport sys, json\nprint(json.dumps(sorted({{n.split('.')[0] for n in sys.modules}})))"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("COV", "PYTEST"))}
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment, cwd=ROOT
    )
    return set(json.loads(ran.stdout.splitlines()[-1]))


def test_importing_codenb_loads_nothing_heavy():
    """`import codenb` stands at the top of every notebook; it must be felt as instant."""
    loaded = loaded_after("import codenb")

    assert loaded.isdisjoint({*HEAVY, "mcp", "pydantic", "IPython"})


def test_connecting_to_the_embedded_world_loads_no_heavy_client():
    """The first cell must answer quickly: what plots, tables, widgets and the cluster client need comes when used."""
    loaded = loaded_after(
        "import asyncio, codenb\n"
        "async def main():\n"
        "    async with codenb.connect('demo') as nb:\n"
        "        assert nb.place.embedded\n"
        "asyncio.run(main())"
    )

    assert "mcp" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_public_names_are_sorted_and_exist():
    """A notebook's completion list is the public API; each name in it must load."""
    assert codenb.__all__ == sorted(codenb.__all__)
    for name in codenb.__all__:
        assert getattr(codenb, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    """Lazy loading must not turn a typo into something else."""
    with pytest.raises(AttributeError, match="conect"):
        codenb.conect  # noqa: B018


def test_every_test_says_what_it_protects():
    """A failing test is read by someone who did not write it."""
    silent = []
    for file in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            is_test = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
            if is_test and not ast.get_docstring(node):
                silent.append(f"{file.relative_to(ROOT)}:{node.lineno} {node.name}")

    assert silent == []


def test_no_file_is_longer_than_one_sitting():
    """The design allows 500 lines; a longer file has a second subject in it."""
    long = [str(file) for file in (ROOT / "codenb").rglob("*.py") if len(file.read_text("utf-8").splitlines()) > 500]

    assert long == []


def test_notebooks_are_committed_without_outputs():
    """Outputs leak what a run saw, and hide what was written."""
    assert carrying_outputs(sorted((ROOT / "notebooks").rglob("*.ipynb"))) == []


def test_what_make_installs_is_pinned_without_addresses():
    """An unpinned dependency breaks a green tree; an address ties it to one machine."""
    lines = (ROOT / ".constraints.txt").read_text().split()
    names = {line.split("==")[0].lower().replace("_", "-") for line in lines}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"]]
    for extra in ("lab", "deploy", "security", "test"):
        wanted += project["optional-dependencies"][extra]
    direct = {_name(requirement) for requirement in wanted}

    assert all("==" in line and "/" not in line for line in lines)
    assert direct - names - {"codenb"} == set()


def _name(requirement: str) -> str:
    for mark in "[<>=!~; ":
        requirement = requirement.split(mark, maxsplit=1)[0]
    return requirement.lower().replace("_", "-")
