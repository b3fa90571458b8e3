"""Policies on Terraform modules, each finding at the argument that breaks it.

Values that are written down take the place of the variables that stand for them; expressions are never evaluated, and
modules that are not among the files are not fetched.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

from codenb.servers.security._engine import graph_checks, inside, registries
from codenb.servers.security._hcl import Path, Read, read
from codenb.servers.security._hcl_text import Unreadable, plain
from codenb.servers.security._kubernetes import path_of
from codenb.servers.security._results import Place, Scan, broken, finding, skipped_in
from codenb.servers.security._table import table
from codenb.servers.security._values import Instance, Values, instances, is_written_out, resolved
from codenb.servers.security.secrets import masked

_LOADED = ("terraform.tfvars", "terraform.tfvars.json")
_AUTOMATIC = (".auto.tfvars", ".auto.tfvars.json")
_ADDRESSES = {"resource": "{type}.{name}", "data": "data.{type}.{name}", "module": "module.{type}"}


@inside
def scan(files: Mapping[str, str]) -> Scan:
    """Check Terraform files against the policies.

    Args:
        files: Texts by name; folders are told by the names, and `source = "./..."` is looked for among them.

    Raises:
        PartMissing: checkov is not installed.
    """
    registries("terraform")
    result, modules = Scan(), list[Read]()
    given: dict[str, dict[str, Any]] = {}
    for name in sorted(files, key=_precedence):
        text = files[name].removeprefix("\ufeff")
        try:
            if name.endswith((".tf", ".tofu")):
                modules.append(read(text, name))
            elif name.endswith(_LOADED) or name.endswith(_AUTOMATIC):
                given.setdefault(posixpath.dirname(name), {}).update(_variables(text, name))
            elif name.endswith(".tf.json"):
                result.problems.append(f"{name}: policies are not checked in JSON, write it as HCL")
        except Unreadable as error:
            result.problems.append(f"{name}:{error.line}:{error.column}: {error}; its policies were not checked")
    hidden = {module.file: tuple(masked("\n".join(module.lines), terraform=True).split("\n")) for module in modules}
    seen: set[tuple[str, str, int | None, int | None]] = set()
    for instance in instances(modules, given):
        one = _scan_instance(instance, hidden)
        for found in one.findings:  # a module that is called twice is written once
            if (key := (found.rule, found.file, found.line, found.column)) not in seen:
                seen.add(key)
                result.findings.append(found)
        result.problems += [problem for problem in one.problems if problem not in result.problems]
    return result


def _precedence(name: str) -> tuple[bool, bool, str]:
    return name.endswith(_AUTOMATIC), name.endswith(".json"), name


def _variables(text: str, name: str) -> Values:
    if name.endswith(".json"):
        try:
            data = json.loads(text)
        except ValueError as error:
            raise Unreadable("this is no JSON", getattr(error, "lineno", 1), getattr(error, "colno", 1)) from error
        return data if isinstance(data, dict) else {}
    values = read_values(text, name)
    return {key: value for key, value in values.items() if is_written_out(value)}


def read_values(text: str, name: str) -> dict[str, Any]:
    """What a `.tfvars` file assigns.

    Raises:
        Unreadable: It is no HCL.
    """
    plain(text)  # says what is not closed, at its own place
    try:
        wrapped = read(f"locals {{\n{text}\n}}\n", name)  # arguments at the top are the arguments of a block
    except Unreadable as error:
        raise Unreadable(str(error), max(1, error.line - 1), error.column) from error
    blocks = wrapped.blocks.get("locals", [])
    return {key: value[0] for block in blocks for key, value in block.items() if isinstance(value, list) and value}


def _scan_instance(instance: Instance, hidden: Mapping[str, tuple[str, ...]]) -> Scan:
    result = Scan()
    blocks = {
        file.file: {
            kind: [resolved(block, instance.values) for block in listed] for kind, listed in file.blocks.items()
        }
        for file in instance.files
    }
    graph = _graph(blocks, result)
    for file in instance.files:
        for kind, registry in registries("terraform").items():
            registry.graph = graph  # two or three checks look at what a block is connected with
            for block in blocks[file.file].get(kind, ()):
                for check, keys, entity in _failed(registry, kind, block, file, hidden=hidden, result=result):
                    result.findings.append(_finding(check, keys, kind, entity, file=file, hidden=hidden))
    by_name = {file.file: file for file in instance.files}
    for check, vertex in _connected(blocks, graph):
        file = by_name[vertex["file_path_"]]
        entity = _entity(str(vertex["block_type_"]), vertex.get("config_") or {})
        if check.id not in _skipped(file, entity):
            result.findings.append(
                _finding(check, check.get_evaluated_keys(), vertex["block_type_"], entity, file=file, hidden=hidden)
            )
    return result


def _entity(kind: str, block: dict[str, Any]) -> dict[str, Any]:
    """Type, name and body of a block."""
    outer, inner = next(iter(block.items()))
    if kind in {"resource", "data"} and isinstance(inner, dict) and inner:
        name, body = next(iter(inner.items()))
        return {"type": outer, "name": name, "body": body}
    return {"type": outer, "name": outer, "body": inner}


def _failed(
    registry: Any, kind: str, block: dict[str, Any], file: Read, *, hidden: Mapping[str, tuple[str, ...]], result: Scan
) -> Iterator[tuple[Any, list[str], dict[str, Any]]]:
    entity = _entity(kind, block)
    skipped = _skipped(file, entity)
    type_ = "module" if kind == "module" else entity["type"]
    for check in registry.get_checks(type_):
        if check.id in skipped or check.id in table("terraform").off:
            continue
        outcome = registry.run_check(check, entity["body"], entity["name"], type_, file.file, {})
        if "check" in outcome:  # how the registry marks one that raised
            result.problems.append(broken(check, _place((), kind, entity, file, hidden)))
            continue
        verdict = outcome["result"]
        if (verdict[0] if isinstance(verdict, tuple) else verdict).name == "FAILED":
            yield check, list(outcome.get("evaluated_keys") or []), entity


def _skipped(file: Read, entity: dict[str, Any]) -> frozenset[str]:
    body = entity["body"]
    start, end = int(body.get("__start_line__", 1)), int(body.get("__end_line__", 0))
    return skipped_in(file.lines[max(0, start - 1) : end])


def _connected(blocks: Mapping[str, Any], graph: Any) -> Iterator[tuple[Any, Any]]:
    """What breaks policies on several blocks at once."""
    if graph is None:
        return
    types = {
        next(iter(block)) for kinds in blocks.values() for kind in ("resource", "data") for block in kinds.get(kind, ())
    }
    for check in graph_checks("terraform"):
        if types.intersection(check.resource_types) and check.id not in table("terraform").off:
            yield from ((check, vertex) for vertex in check.run(graph)[1])


def _graph(blocks: Mapping[str, Any], result: Scan) -> Any:
    """What refers to what, as checkov's checks walk it; None, and a problem, where checkov cannot make it."""
    from checkov.common.graph.db_connectors.networkx.networkx_db_connector import (  # noqa: PLC0415  as all of checkov
        NetworkxConnector,
    )
    from checkov.terraform.graph_builder.graph_components.module import Module  # noqa: PLC0415  as all of checkov
    from checkov.terraform.graph_builder.local_graph import TerraformLocalGraph  # noqa: PLC0415  as all of checkov
    from checkov.terraform.modules.module_objects import TFDefinitionKey  # noqa: PLC0415  as all of checkov

    module = Module(source_dir="", external_modules_source_map={})
    keys = {file: TFDefinitionKey(file) for file in blocks}
    module.temp_tf_definition = {keys[file]: kinds for file, kinds in blocks.items()}
    try:
        for file, kinds in blocks.items():
            for kind, listed in kinds.items():
                module.add_blocks(kind, listed, keys[file], "")
        graph = TerraformLocalGraph(module)
        # for_each, count and the rendering of variables would have expressions interpreted.
        graph.enable_foreach_handling = graph.enable_modules_foreach_handling = False
        graph.build_graph(render_variables=False)
        return NetworkxConnector().save_graph(graph)
    except Exception as error:  # noqa: BLE001  other people's code on other people's values: said, the rest stands
        files, kind = ", ".join(sorted(blocks)[:3]), type(error).__name__
        result.problems.append(f"policies on several blocks at once could not be checked in {files}: {kind}")
        return None


def _finding(
    check: Any, keys: list[str], kind: str, entity: dict[str, Any], *, file: Read, hidden: Mapping[str, tuple[str, ...]]
) -> Any:
    paths = [path_of(key) for key in keys]
    return finding("terraform", check, _place(_written(paths, entity["body"]), kind, entity, file, hidden))


def _written(paths: list[Path], body: Any) -> Path:
    """Of several arguments that a check looked at, the first that is written; the last is what it is about."""
    for path in paths:
        if path and isinstance(body, dict) and path[0] in body and path[0] != "resource_type":
            return path
    return ()


def _place(path: Path, kind: str, entity: dict[str, Any], file: Read, hidden: Mapping[str, tuple[str, ...]]) -> Place:
    body = entity["body"]
    start = int(body.get("__start_line__", 1))
    line, column = file.at(start, path)
    lines = hidden[file.file]
    address = _ADDRESSES.get(kind, "{type}").format(**{key: entity[key] for key in ("type", "name")})
    source = lines[line - 1].rstrip("\r") if 0 < line <= len(lines) else ""
    return Place(file.file, line, column, source, f"provider.{address}" if kind == "provider" else address)
