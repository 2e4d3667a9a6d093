"""The part of the handbook that says how to deploy both templates, compare both regions and wake what is asleep."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from runbook_lib.config.model import Migration
from runbook_lib.errors import ConfigError
from runbook_lib.estate.resource import STACKS, Json
from runbook_lib.estate.text_parts import Hole, each_text
from runbook_lib.iac.surroundings.of_config import template_of
from runbook_lib.iac.surroundings.sleep import AWAKE, WAKING
from runbook_lib.surroundings.both_sides import BothSides

WAKES = {parameter for parameter, *_ in WAKING.values()}


def deployment_lines(config: Migration, both: BothSides) -> list[str]:
    """Commands for each stack that has anything, in their order; then how to wake it."""
    templates = {stack: made for stack in STACKS if (made := _template(config, both, stack))}
    if not templates:
        return ["## Deploy, compare, wake", "", "There is no template to deploy.", ""]
    lines = [
        "## Deploy, compare, wake", "",
        "1. **Deploy**, messaging first, because monitoring names its topics and queues. A template over 51,200 bytes "
        "also needs `--s3-bucket`; put a value in place of each `...`. Nothing acts yet.", "",
        "```sh", *(_deploy(config, stack, _asked(both, stack, made)) for stack, made in templates.items()), "```", "",
        *_explained(templates.values()),
        "2. **Compare**: `runbook surroundings FILE --compare`, with exit code 0 if both regions are equal.",
    ]  # fmt: skip
    waking = {stack: sorted(made["Parameters"].keys() & WAKES) for stack, made in templates.items()}
    if not any(waking.values()):
        return [*lines, "3. **Wake**: nothing here sleeps.", ""]
    return [
        *lines,
        "3. **Wake**, once the tables are cut over. First turn off the same in the source, or both regions act. A "
        "parameter that is not given keeps its value.", "",
        "```sh",
        *(_deploy(config, stack, [f"{name}={AWAKE}" for name in names]) for stack, names in waking.items() if names),
        "```", "",
    ]  # fmt: skip


def _template(config: Migration, both: BothSides, stack: str) -> Json:
    """A stack's template; nothing where it has no resources, or cannot be written."""
    if not any(resource.kind.stack == stack for resource in both.rewritten.resources):
        return {}
    try:
        return template_of(config, both.rewritten, stack)
    except ConfigError:
        return {}


def _deploy(config: Migration, stack: str, parameters: list[str]) -> str:
    given = f" --parameter-overrides {' '.join(parameters)}" if parameters else ""
    return (
        f"aws cloudformation deploy --region {config.target.region} --stack-name {_stack_name(config, stack)} "
        f"--template-file surroundings/{stack}.yaml{given}"
    )


def _stack_name(config: Migration, stack: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in f"around-{config.name}-{stack}")[:128]


def _asked(both: BothSides, stack: str, template: Json) -> list[str]:
    """Each parameter without a default; the stream of a table is looked up, the others a person knows."""
    streams = {hole.parameter: hole for hole in _holes(both, stack) if hole.begins is not None}
    asked = []
    for name, said in sorted(template["Parameters"].items()):
        if "Default" in said:
            continue
        hole = streams.get(name)
        asked.append(f"{name}={_looked_up(both, hole) if hole else '...'}")
    return asked


def _looked_up(both: BothSides, hole: Hole) -> str:
    last = str(hole.begins.parts[-1]) if hole.begins else ""
    table = last.removeprefix(":table/").removesuffix("/stream/")
    return (
        f'"$(aws dynamodb describe-table --region {both.region} --table-name {shlex.quote(table)} '
        '--query Table.LatestStreamArn --output text)"'
    )


def _holes(both: BothSides, stack: str) -> list[Hole]:
    chosen = [r for r in both.rewritten.resources if r.kind.stack == stack]
    return [hole for r in chosen for text in each_text([r.properties, r.policy]) for hole in text.holes()]


def _explained(templates: Iterable[Json]) -> list[str]:
    """What the parameters are, those that have to be given and those that may be."""
    said = {name: each for made in templates for name, each in made["Parameters"].items() if name not in WAKES}
    rows = [
        f"   - `{name}`{' (by default ' + each['Default'] + ')' if 'Default' in each else ''}: {each['Description']}"
        for name, each in sorted(said.items(), key=lambda pair: ("Default" in pair[1], pair[0]))
    ]
    return ["   Parameters:", "", *rows, ""] if rows else []
