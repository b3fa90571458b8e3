"""Terraform files as the policy engine takes them, with the place of every argument.

The grammar is that of python-hcl2, which comes with checkov; its tree is kept beside the plain data, so that a finding
can be traced from a path such as `ingress/[0]/cidr_blocks` to the line and column where that is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from codenb.servers.security._engine import inside
from codenb.servers.security._hcl_text import Text, Unreadable, plain

Path = tuple[str | int, ...]
Blocks = dict[str, list[dict[str, Any]]]

_LABELS = {"resource": 2, "data": 2, "module": 1, "provider": 1, "variable": 1, "output": 1, "locals": 0}


@dataclass(frozen=True, slots=True)
class Read:
    """One file.

    Attributes:
        file: As it was named.
        blocks: By type, each as `{type: {name: {argument: [value]}}}` with `__start_line__` and `__end_line__`.
        lines: With secrets in them.
        tree: Of the grammar.
    """

    file: str
    blocks: Blocks
    lines: tuple[str, ...] = field(repr=False)
    tree: Any = field(repr=False)

    def at(self, line: int, path: Path) -> tuple[int, int]:
        """Line and column of an argument in the block that begins on a line; of the block's deepest part that is there.

        Args:
            line: Where the block begins.
            path: Names of arguments and nested blocks, with indexes.
        """
        for block in _blocks(_body(self.tree)):
            if block.meta.line == line:
                return _locate(_body(block), path) or (block.meta.line, block.meta.column)
        return line, 1


@inside
def read(text: str, file: str) -> Read:
    """Read a file.

    Args:
        text: Of a `.tf` file.
        file: As it was named.

    Raises:
        Unreadable: It is no HCL, or HCL that the grammar does not know.
    """
    from hcl2.parser import hcl2  # noqa: PLC0415  comes with checkov
    from hcl2.transformer import DictTransformer  # noqa: PLC0415  comes with checkov
    from lark.exceptions import LarkError, UnexpectedInput  # noqa: PLC0415  comes with checkov

    try:
        tree = hcl2.lark_parser.parse(plain(text) + "\n")
        data: Any = DictTransformer().transform(tree)
    except UnexpectedInput as error:
        raise Unreadable(
            "this is not what the policy engine's HCL grammar expects", error.line, error.column
        ) from error
    except (LarkError, RecursionError, RuntimeError, ValueError) as error:
        raise Unreadable("the policy engine's HCL grammar cannot read it", 1, 1) from error
    return Read(file, _shaped(data), tuple(text.split("\n")), tree)


def position_of(text: str, index: int) -> tuple[int, int]:
    """Line and column of a character."""
    return Text(text).position(index)


def _shaped(data: Any) -> Blocks:
    """Only the blocks that have as many labels as their type asks for; the rest `terraform validate` reports."""
    from checkov.terraform.modules.module_utils import (  # noqa: PLC0415  heavy
        clean_parser_types,
        serialize_definitions,
    )

    blocks = {
        kind: [block for block in listed if isinstance(block, dict) and _has_labels(block, _LABELS[kind])]
        for kind, listed in data.items()
        if kind in _LABELS and isinstance(listed, list)
    }
    shaped: Blocks = clean_parser_types(serialize_definitions({kind: list_ for kind, list_ in blocks.items() if list_}))
    return shaped


def _has_labels(block: dict[str, Any], labels: int) -> bool:
    inner: Any = block
    for _ in range(labels):
        if not isinstance(inner, dict) or len(inner) != 1:
            return False
        inner = next(iter(inner.values()))
    return isinstance(inner, dict) and (labels == 0 or "__start_line__" in inner or labels == 1)


def _children(tree: Any, *kinds: str) -> Iterator[Any]:
    for child in getattr(tree, "children", ()):
        if getattr(child, "data", "") in kinds:
            yield child


def _body(tree: Any) -> Any:
    return next(_children(tree, "body"), None)


def _blocks(body: Any) -> Iterator[Any]:
    yield from _children(body, "block")


def _word(tree: Any) -> str:
    """A name as it is written, without quotes; empty for anything that is more than a name."""
    while getattr(tree, "children", None):
        if len(tree.children) != 1:
            return ""
        tree = tree.children[0]
    return str(tree).strip('"') if not hasattr(tree, "children") else ""


def _locate(body: Any, path: Path) -> tuple[int, int] | None:
    """Where the deepest part of a path stands in the body of a block; None where not even the first does."""
    if body is None or not path or not isinstance(path[0], str):
        return None
    name, rest = path[0], path[1:]
    for attribute in _children(body, "attribute"):
        if _word(attribute.children[0]) == name:
            return _in_value(attribute.children[1], rest) or (attribute.meta.line, attribute.meta.column)
    named = [block for block in _blocks(body) if _name(block) == name]
    if not named:
        return None
    index = rest[0] if rest and isinstance(rest[0], int) else 0
    block = named[min(index, len(named) - 1)]
    rest = rest[1:] if rest and isinstance(rest[0], int) else rest
    return _locate(_body(block), rest) or (block.meta.line, block.meta.column)


def _name(block: Any) -> str:
    words = [_word(child) for child in block.children if getattr(child, "data", "") != "body"]
    return words[1] if words[:1] == ["dynamic"] and len(words) > 1 else words[0]


def _in_value(tree: Any, path: Sequence[str | int]) -> tuple[int, int] | None:
    """Where a part of an argument's value stands, such as an item of a list or a key of an object."""
    if not path:
        return None
    while getattr(tree, "data", "") == "expr_term" and len(tree.children) == 1 and hasattr(tree.children[0], "data"):
        tree = tree.children[0]
    part, rest = path[0], path[1:]
    if isinstance(part, int) and getattr(tree, "data", "") == "tuple":
        items = [child for child in tree.children if hasattr(child, "data")]
        if part < len(items):
            return _in_value(items[part], rest) or (items[part].meta.line, items[part].meta.column)
    if isinstance(part, str):
        for element in _children(tree, "object_elem"):
            if _word(element.children[0]) == part:
                return _in_value(element.children[-1], rest) or (element.meta.line, element.meta.column)
    if part == 0:
        return _in_value(tree, rest)
    return None
