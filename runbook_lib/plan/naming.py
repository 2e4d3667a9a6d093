"""Which tables are chosen, and what their targets are called."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from runbook_lib.config.model import Migration
from runbook_lib.errors import ConfigError


def select_tables(config: Migration, existing: Iterable[str], only: str = "*", *, at: str = "") -> dict[str, str]:
    """Source names and their target names; raises ConfigError with every mistake of the selection."""
    chosen, mistakes = choose_tables(config, existing, only, at=at)
    if mistakes:
        raise ConfigError("\n".join(mistakes))
    return chosen


def choose_tables(
    config: Migration, existing: Iterable[str], only: str = "*", *, at: str = ""
) -> tuple[dict[str, str], list[str]]:
    """Source names and their target names, after include, exclude, rename and overrides, and the mistakes found.

    Mistakes are a pattern that matches nothing, a name that cannot be renamed, an override of a table that is not
    selected, and a filter or a rule that masks and is for no selected table; `only` are further globs, see
    `is_among`; `at` is the account and region that they are looked for in. Raises ConfigError with them all if no
    table is left, or a glob of `only` matches nothing.
    """
    names, wanted, mistakes = sorted(existing), config.tables, []
    where = f" in {at}" if at else ""
    for pattern in wanted.include:
        if not any(fnmatchcase(name, pattern) for name in names):
            mistakes.append(f"tables.include: no table of the source matches {pattern!r}{where}; {_known(names)}")
    selected = [name for name in names if is_included(config, name)]
    mistakes += [
        f"tables.overrides: {name!r} is not a selected source table"
        for name in wanted.overrides
        if name not in selected
    ]
    mistakes += [
        f"export.method: no selected source table matches {glob!r}"
        for glob in config.export.method
        if not any(fnmatchcase(name, glob) for name in selected)
    ]
    mistakes += [
        f"export.method: {name!r} is asked for both ways, scan and export; give its full name"
        for name in selected
        if len(config.export.fitting(name)) > 1
    ]
    mistakes += rules_without_table(config, selected)
    targets: dict[str, str] = {}
    for name in selected:
        target, silent = _rename(config, name)
        if silent:
            mistakes.append(
                f"tables.rename: the group {silent!r} of the pattern takes no part in {name!r}, and 'to' uses it; "
                f"write (?P<{silent}>...|) for one that may be empty, exclude the table or override its name"
            )
        elif target is None:
            mistakes.append(
                f"tables.rename: the pattern does not match {name!r}; widen it, exclude the table or override its name"
            )
        else:
            targets[name] = target
    chosen = {source: target for source, target in targets.items() if is_among(source, only)}
    if mistakes and not chosen:
        raise ConfigError("\n".join(mistakes))
    if not chosen:
        raise ConfigError(
            f"no table matched: {len(names)} in the source{where}, {len(selected)} after include and exclude, "
            f"0 after --tables {only!r}; nothing was done"
        )
    globs = [glob for glob in map(str.strip, only.split(",")) if glob]
    if stray := [glob for glob in globs if not any(fnmatchcase(name, glob) for name in selected)]:
        told = f"--tables: no selected source table matches {', '.join(map(repr, stray))}; nothing was done"
        raise ConfigError("\n".join([*mistakes, told]))
    return chosen, mistakes


def is_included(config: Migration, source: str) -> bool:
    """Whether a migration file includes a table, and does not exclude it."""
    wanted = config.tables
    return any(fnmatchcase(source, glob) for glob in wanted.include) and not any(
        fnmatchcase(source, glob) for glob in wanted.exclude
    )


def rules_without_table(config: Migration, sources: Sequence[str]) -> list[str]:
    """What says which filters and which rules that mask are for none of these tables: what they were to hide is kept.

    A rule that keeps is left out: without its table it does nothing, and hides nothing.
    """
    transform, meant = config.transform, dict[tuple[str, str], list[str]]()
    for part in transform.filter if transform else ():
        meant.setdefault(("filter", part.tables), []).append(part.keep)
    for rule in transform.mask.rules if transform and transform.mask else ():
        if rule.with_ != "keep":
            meant.setdefault(("mask.rules", rule.table), []).append(rule.path)
    return [
        f"transform.{where}: {_whose(where, whats)} for {glob!r}, and none of {len(sources)} tables is called so: "
        f"{', '.join(sources[:5])}{', ...' if len(sources) > 5 else ''}"
        for (where, glob), whats in meant.items()
        if not any(fnmatchcase(source, glob) for source in sources)
    ]


def _whose(where: str, whats: list[str]) -> str:
    each = "condition" if where == "filter" else "rule for"
    more = f" and {len(whats) - 3} more" if len(whats) > 3 else ""
    return f"the {each} {', '.join(whats[:3])}{more} {'is' if len(whats) == 1 else 'are'}"


def is_among(source: str, only: str) -> bool:
    """Whether a table is meant by a glob, or by one of several with commas between them."""
    return any(fnmatchcase(source, glob.strip()) for glob in only.split(","))


def wants_recovery(enable_pitr: Iterable[str], source: str) -> bool:
    """Whether export.enable_pitr asks to turn point-in-time recovery on for a table."""
    return any(fnmatchcase(source, name) for name in enable_pitr)


def _rename(config: Migration, name: str) -> tuple[str | None, str]:
    """A table's target, none where the pattern does not match; and a group that takes no part, if there is one."""
    wanted = config.tables
    if name in wanted.overrides:
        return wanted.overrides[name], ""
    if wanted.rename is None:
        return name, ""
    return wanted.rename.new_name(name), wanted.rename.silent_group(name)


def _known(names: list[str]) -> str:
    shown = ", ".join(names[:5])
    return f"it has {len(names)} tables" + (f": {shown}{', ...' if len(names) > 5 else ''}" if names else "")
