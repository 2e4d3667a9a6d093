"""A YAML file as data, with the line of every key in it, so that a mistake can be shown where it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from runbook_lib.errors import ConfigError

Lines = dict[tuple[str | int, ...], int]


def parse(file: Path, text: str) -> tuple[Any, Lines]:
    """YAML text as data, and the line of every key in it."""
    lines: Lines = {(): 1}
    try:
        node = yaml.compose(text, yaml.SafeLoader)
        if node is not None:
            _index(file, node, (), lines)
        return yaml.safe_load(text), lines
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{file}:{line}: not valid YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"{file}: not valid YAML: {error}") from None


def _index(file: Path, node: yaml.Node, path: tuple[str | int, ...], lines: Lines) -> None:
    if isinstance(node, yaml.MappingNode):
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
            _index(file, value, here, lines)
    elif isinstance(node, yaml.SequenceNode):
        for position, value in enumerate(node.value):
            lines[(*path, position)] = value.start_mark.line + 1
            _index(file, value, (*path, position), lines)


def dotted(path: tuple[str | int, ...]) -> str:
    """A key as people write it: `export.reuse`."""
    return ".".join(str(part) for part in path) or "the file"
