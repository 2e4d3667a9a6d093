"""What became of a table's items between export and import, and what was looked for in the target afterwards."""

from __future__ import annotations

from runbook_lib.record.model.base import Count, Number, Section


class MaskRuleRecord(Section):
    """What one rule of the mask did."""

    rule: str = ""
    path: str = ""
    verb: str = ""
    values: Count = 0
    dropped: Count = 0
    shrunk: Count = 0


class TransformRecord(Section):
    """How a derived export was made: exported = kept + filtered + quarantined, and derived = kept + added."""

    status: str = ""
    failure: str | None = None
    source_manifest_md5: str | None = None
    rules_sha256: str | None = None
    hook_sha256: str | None = None
    masks: bool = False
    derived_arn: str | None = None
    derived_folder: str | None = None
    items_kept: Count | None = None
    items_added: Count | None = None
    items_filtered: Count | None = None
    items_quarantined: Count | None = None
    items_derived: Count | None = None
    keys_rewritten: Count | None = None
    replication_dropped: Count | None = None
    collisions: Count | None = None
    rules: list[MaskRuleRecord] = []
    seconds: Number | None = None


class LeakHitRecord(Section):
    """One raw value that was found in a target; neither the value nor a key stands here."""

    rule: str = ""
    path: str = ""
    encoding: str = ""
    key_hash: str | None = None


class LeakScanRecord(Section):
    """What a scan for raw values read of one target, and what it found."""

    items: Count = 0
    values: Count = 0
    decoded: Count = 0
    not_decoded: Count = 0
    cut_short: Count = 0
    hits: Count = 0
    first: list[LeakHitRecord] = []
    seconds: Number | None = None


class SoughtRecord(Section):
    """The raw values of all masked paths: how many are looked for, and why others are not."""

    distinct: Count = 0
    anywhere: Count = 0
    whole: Count = 0
    short: Count = 0
    kept: Count = 0
    by_chance: Count = 0
