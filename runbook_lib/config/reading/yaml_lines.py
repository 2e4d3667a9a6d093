"""A YAML file as data, with the line of every key in it, so that a mistake can be shown where it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from runbook_lib.config.reading.misread import misread
from runbook_lib.errors import ConfigError

MOST_NODES = 200_000  # ten thousand tables with an override each have a tenth of it
STAR = "a value that begins with * needs quotes"
LARGEST = 8 << 20  # bytes of a file
Lines = dict[tuple[str | int, ...], int]


def parse(file: Path, text: str) -> tuple[Any, Lines]:
    """YAML text as data, and the line of every key in it."""
    lines: Lines = {(): 1}
    try:
        node = yaml.compose(text, yaml.SafeLoader)
        if node is not None:
            _refuse_bomb(file, node)
            _index(file, node, (), lines)
        return yaml.safe_load(text), lines
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        hint = f"; {STAR}" if "alias" in f"{error.context} {error.problem}" else ""
        raise ConfigError(f"{file}:{line}: not valid YAML: {error.problem}{hint}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"{file}: not valid YAML: {error}") from None


def _refuse_bomb(file: Path, root: yaml.Node) -> None:
    """Raise ConfigError for a file that is small as text and huge as data, or without end: an alias repeats it all."""
    sizes: dict[int, int] = {}
    pending = [(root, False)]
    while pending:
        node, entered = pending.pop()
        inner = _inner(node)
        if entered:
            sizes[id(node)] = 1 + sum(sizes[id(child)] for child in inner)
            if sizes[id(node)] > MOST_NODES:
                raise ConfigError(
                    f"{file}:{node.start_mark.line + 1}: expected at most {MOST_NODES:,} values, found more, for its "
                    "aliases repeat each other; write out what is meant"
                )
        elif id(node) not in sizes:
            sizes[id(node)] = MOST_NODES  # until it is counted; who meets it before is inside of it
            pending += [(node, True), *((child, False) for child in inner)]


def _inner(node: yaml.Node) -> list[yaml.Node]:
    """The nodes that a node consists of."""
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _refuse_misread(file: Path, node: yaml.ScalarNode, path: tuple[str | int, ...], *, is_name: bool = False) -> None:
    if (wrong := misread(node, path, is_name=is_name)) is not None:
        read, instead = wrong
        raise ConfigError(
            f"{file}:{node.start_mark.line + 1}: key '{dotted(path)}': {node.value} is read as {read!r} by YAML; "
            f"write {instead}"
        )


def _index(file: Path, node: yaml.Node, path: tuple[str | int, ...], lines: Lines) -> None:
    if isinstance(node, yaml.ScalarNode):
        _refuse_misread(file, node, path)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise ConfigError(f"{file}:{key.start_mark.line + 1}: expected a name as key, found a {key.id}")
            here = (*path, key.value)
            if here in lines:
                raise ConfigError(
                    f"{file}:{key.start_mark.line + 1}: key '{dotted(here)}' is given twice, "
                    f"first on line {lines[here]}; keep one"
                )
            lines[here] = key.start_mark.line + 1
            _refuse_misread(file, key, path, is_name=True)
            _index(file, value, here, lines)
    elif isinstance(node, yaml.SequenceNode):
        for position, value in enumerate(node.value):
            lines[(*path, position)] = value.start_mark.line + 1
            _index(file, value, (*path, position), lines)


def dotted(path: tuple[str | int, ...]) -> str:
    """A key as people write it: `export.reuse`."""
    return ".".join(str(part) for part in path) or "the file"
