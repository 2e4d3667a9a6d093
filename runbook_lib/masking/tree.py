"""The rules for one table as a tree of names, each path with the one rule that is for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from runbook_lib.items.canonical import Attribute, Item
from runbook_lib.masking.mask_key import MaskKey
from runbook_lib.masking.paths import Path, Step, Wild, spell_path
from runbook_lib.masking.pseudonyms import Form
from runbook_lib.masking.rules import MaskRule, Verb, rules_inside
from runbook_lib.masking.verbs import Action, Text, action_of, text_pseudonym

Note = Callable[[Attribute, Attribute], None]  # a value, and what a rule made of it


@dataclass(slots=True)
class MaskNode:
    """What is known of one path: its rule by number, what the rule does, and the paths below.

    `inside` are the rules for JSON in a string, `rename` is what is done with the names of a map. One that is plain
    keeps all that there is.
    """

    index: int = -1
    verb: Verb | None = None
    action: Action | None = None
    inside: MaskNode | None = None
    rename: Text | None = None
    rename_index: int = -1
    names: dict[str, MaskNode] = field(default_factory=dict)
    any_name: MaskNode | None = None
    each: MaskNode | None = None
    is_plain: bool = False

    @property
    def is_leaf(self) -> bool:
        return not (self.names or self.any_name or self.each or self.rename)


@dataclass(frozen=True, slots=True)
class MaskTree:
    """The root of a table's rules, and all rules by their number, those inside JSON included."""

    root: MaskNode
    rules: tuple[MaskRule, ...]


def mask_tree(key: MaskKey, rules: Sequence[MaskRule], note: Note | None = None) -> MaskTree:
    """The tree of the rules that `rules_of` chose for a table; `note` hears of each value and what is made of it.

    Raises ValueError for a rule below one that leaves nothing to be looked at.
    """
    listed: list[MaskRule] = []
    root = _branch(key, rules, listed)
    if note is not None:
        _listen(root, note, set())
    return MaskTree(root, tuple(listed))


def _branch(key: MaskKey, rules: Sequence[MaskRule], listed: list[MaskRule]) -> MaskNode:
    root = MaskNode()
    for rule in rules:
        node = root
        for step in rule.steps:
            node = _below(node, step)
        _place(key, node, rule, listed)
    _settle(root, listed)
    _refuse_unranked(root, rules, listed)
    return root


def _below(node: MaskNode, step: str | Wild) -> MaskNode:
    if step is Wild.EACH:
        node.each = node.each or MaskNode()
        return node.each
    if step is Wild.NAME:
        node.any_name = node.any_name or MaskNode()
        return node.any_name
    return node.names.setdefault(str(step), MaskNode())


def _place(key: MaskKey, node: MaskNode, rule: MaskRule, listed: list[MaskRule]) -> None:
    listed.append(rule)
    index = len(listed) - 1
    if rule.names:
        node.rename = text_pseudonym(key, rule.domain or rule.path, rule.form or Form.HEX, rule.length)
        node.rename_index = index
        return
    node.index, node.verb = index, rule.verb
    if rule.verb == Verb.JSON:
        node.inside = _branch(key, rules_inside(rule), listed)
    else:
        node.action = action_of(key, rule)


def _settle(node: MaskNode, listed: Sequence[MaskRule]) -> None:
    """A name with rules of its own also has those of `*`, where it has no other; refuses what could never be."""
    if node.verb not in (None, Verb.KEEP) and not node.is_leaf:
        rule, never_met = listed[node.index], listed[next(_indexes_below(node))]
        raise ValueError(
            f"the rule of transform.mask for {never_met.path} (table {never_met.told_table}) lies below a path whose "
            f"rule is {node.verb} (table {rule.told_table}), and could never be met"
        )
    if node.any_name is not None:
        for name, own in node.names.items():
            node.names[name] = _merged(own, node.any_name)
    for below in (*node.names.values(), node.any_name, node.each):
        if below is not None:
            _settle(below, listed)
    node.is_plain = node.verb is Verb.KEEP and node.is_leaf


def _indexes_below(node: MaskNode) -> Iterator[int]:
    """The rules that lie below a path."""
    if node.rename is not None:
        yield node.rename_index
    for below in (*node.names.values(), node.any_name, node.each):
        if below is not None:
            if below.index >= 0:
                yield below.index
            yield from _indexes_below(below)


def _refuse_unranked(root: MaskNode, rules: Sequence[MaskRule], listed: Sequence[MaskRule]) -> None:
    """Raise ValueError where a rule keeps what another one masks, and is not the more specific one in every respect."""
    keeps = [(rule, rule.steps) for rule in rules if rule.verb is Verb.KEEP and not rule.names]
    masks = [(rule, rule.steps) for rule in rules if rule.verb is not Verb.KEEP and not rule.names]
    for mask, masked in masks:
        if Wild.NAME not in masked:
            continue  # its path is as specific as any, and of two tables' rules for it one was chosen
        for keep, kept in keeps:
            place = _common(kept, masked)
            if place is None or (place == kept and (keep.names_its_table or not mask.names_its_table)):
                continue
            index = _at(root, place).index
            if index >= 0 and listed[index] is keep:
                raise ValueError(
                    f"of two rules of transform.mask that are for {spell_path(place)}, {mask.path} (table "
                    f"{mask.told_table}) masks it and {keep.path} (table {keep.told_table}) keeps it, and neither is "
                    f"more specific in every respect; add a rule for {spell_path(place)}"
                    f"{' that names the table' if mask.names_its_table else ''}, or leave one of them out"
                )


def _common(one: Path, other: Path) -> Path | None:
    """What two paths both are for; None where that is nothing."""
    if len(one) != len(other):
        return None
    both: list[Step] = []
    for a, b in zip(one, other, strict=True):
        if a != b and (Wild.NAME not in (a, b) or Wild.EACH in (a, b)):
            return None
        both.append(b if a is Wild.NAME else a)
    return tuple(both)


def _at(root: MaskNode, path: Path) -> MaskNode:
    """The node of a path that a rule spells; a name that stands for any one is one that no rule spells."""
    node: MaskNode | None = root
    for step in path:
        if node is not None:
            below = node.each if step is Wild.EACH else node.any_name if step is Wild.NAME else None
            node = below if isinstance(step, Wild) else node.names.get(step) or node.any_name
    return node or MaskNode()


def _merged(own: MaskNode, general: MaskNode) -> MaskNode:
    if own.verb not in (None, Verb.KEEP):
        return own
    source = own if own.verb is not None else general
    rename = own if own.rename is not None else general
    names = {
        name: _merged(own.names[name], general.names[name])
        if name in own.names and name in general.names
        else (own.names.get(name) or general.names[name])
        for name in own.names | general.names
    }
    return MaskNode(
        source.index, source.verb, source.action, source.inside, rename.rename, rename.rename_index, names,
        _either(own.any_name, general.any_name), _either(own.each, general.each),
    )  # fmt: skip


def _listen(node: MaskNode, note: Note, heard: set[int]) -> None:
    """Have all that is done in a tree told; a node may stand in it at several places."""
    if id(node) in heard:
        return
    heard.add(id(node))
    if node.action is not None and node.verb is not Verb.KEEP:
        node.action = _told(node.action, note)
    if node.rename is not None:
        node.rename = _told_name(node.rename, note)
    for below in (*node.names.values(), node.any_name, node.each, node.inside):
        if below is not None:
            _listen(below, note, heard)


def _told(action: Action, note: Note) -> Action:
    def act(kind: str, value: Any, item: Item) -> Attribute | None:
        made = action(kind, value, item)
        if made is not None:
            note({kind: value}, made)
        return made

    return act


def _told_name(rename: Text, note: Note) -> Text:
    def of(name: str) -> str:
        made = rename(name)
        note({"S": name}, {"S": made})
        return made

    return of


def _either(own: MaskNode | None, general: MaskNode | None) -> MaskNode | None:
    if own is not None and general is not None:
        return _merged(own, general)
    return own or general
