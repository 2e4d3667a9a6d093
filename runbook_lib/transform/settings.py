"""What a migration file asks of a transform, made ready: rules, filters, hook and key, and what binds a run to them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from runbook_lib.aws.dynamodb.describe.tables import TableDescription
from runbook_lib.config.model import Migration
from runbook_lib.config.moving.transform import MaskKeySetting, Transform
from runbook_lib.config.sections.catch_up import NEEDS_OLD_IMAGES
from runbook_lib.errors import ConfigError
from runbook_lib.export_format.change import BOTH_IMAGES
from runbook_lib.items.keyed import RunSecret
from runbook_lib.masking.expression.parse import parse_filter
from runbook_lib.masking.hook import ItemHook, load_hook
from runbook_lib.masking.mask_key import LEAST_BYTES, MaskKey
from runbook_lib.masking.masker import TableMask
from runbook_lib.masking.recipe import Recipe
from runbook_lib.masking.rules import RulesByTable
from runbook_lib.run.facts.masking.transform import TransformBinding

Macs = Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class Ready:
    """A transform that can be applied; made before anything runs, so that what is wrong is told then."""

    settings: Transform
    hook: ItemHook | None
    key: MaskKey | None
    _rules: RulesByTable = field(init=False)

    def __post_init__(self) -> None:
        rules = self.settings.mask.as_rules if self.settings.mask else ()
        object.__setattr__(self, "_rules", RulesByTable(rules))

    def mask_of(self, table: str, keys: Iterable[str] = ()) -> TableMask | None:
        """The mask of a table; raises ConfigError for rules that contradict each other, or lose one of its keys."""
        if self.settings.mask is None or self.key is None:
            return None
        try:
            mask = TableMask(self.key, self._rules.of(table), table)
            mask.refuse_lost_keys(keys)
            return mask
        except ValueError as error:
            raise ConfigError(f"transform.mask.rules: {table}: {error}") from None

    def recipe_of(self, table: TableDescription) -> Recipe:
        """What becomes of a table's items; raises ConfigError for a rule that would leave an item without its key."""
        mask = self.mask_of(table.name, [key.name for key in table.key])
        keeps = [
            parse_filter(each.keep, each.names, each.values)
            for each in self.settings.filter
            if each.tables == table.name or fnmatchcase(table.name, each.tables)
        ]
        indexed = {k.name: k for index in table.indexes for k in index.key}
        others = tuple(k for name, k in indexed.items() if name not in {own.name for own in table.key})
        return Recipe(table.key, others, keeps, self.hook, mask)

    def binding(self, manifest_md5: str, secret: RunSecret) -> TransformBinding:
        """What a derived export is bound to, of one manifest."""
        asked = self.settings.model_dump(mode="json", include={"filter", "mask"})
        return TransformBinding(
            manifest_md5,
            hashlib.sha256(repr(asked).encode("utf-8", "surrogatepass")).hexdigest(),
            self.hook.sha256 if self.hook else None,
            self.key.fingerprint(secret) if self.key else None,
        )


def make_ready(config: Migration, environment: Mapping[str, str] | None = None, *, macs: Macs) -> Ready | None:
    """The transform that a migration file asks for, None without one; raises ConfigError for what is missing.

    `macs` gives what KMS derives of a key.
    """
    settings = config.transform
    if settings is None:
        return None
    key = _key_of(settings.mask.key, environment, macs) if settings.mask is not None else None
    ready = Ready(settings, load_hook(settings.hook, config.folder) if settings.hook else None, key)
    if settings.mask is not None:
        for table in {rule.table for rule in settings.mask.as_rules}:
            ready.mask_of(table)
    return ready


def _key_of(setting: MaskKeySetting, environment: Mapping[str, str] | None, macs: Macs) -> MaskKey:
    if setting.kms is not None:
        return MaskKey(macs(setting.kms))
    name = str(setting.env)
    value = (os.environ if environment is None else environment).get(name, "")
    if not value:
        raise ConfigError(
            f"transform.mask.key: the environment variable {name} should hold the key of the pseudonyms, and is not set"
        )
    return MaskKey(value.encode("utf-8", "surrogateescape"))


def refuse_untransformed(config: Migration, *, catch_up: bool) -> None:
    """Raise ConfigError for what a transform lacks, or for windows of which it could not make others.

    KMS is not asked yet: nothing is known of the account before a run is open.
    """
    make_ready(config, macs=lambda key: bytes(LEAST_BYTES))
    if catch_up and config.transform is not None and config.catch_up.view != BOTH_IMAGES:
        raise ConfigError(NEEDS_OLD_IMAGES)
