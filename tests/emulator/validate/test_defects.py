"""Every planted defect is found and classified, and nothing that is none is reported."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from runbook_lib.items.canonical import digest
from runbook_lib.items.keys import key_of
from runbook_lib.preflight.step import preflight
from tests.support.recorded import export_tables, import_tables, validate_tables
from tests.support.world import World
from tools.defects import CATALOGUE, KEY, NOW, PAGE, TTL, Defect, Estate, found, page, paths_of, planted

SCHEMA = [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}]
TYPES = [{"AttributeName": "id", "AttributeType": "S"}, {"AttributeName": "at", "AttributeType": "N"}]


def test_the_catalogue_is_long_enough_and_a_clean_estate_passes() -> None:
    assert len({d.name for d in CATALOGUE}) == len(CATALOGUE) >= 30
    result, reasons = found(Estate())
    assert (any(result.counts.values()), reasons, result.equal) == (False, [], True)


@pytest.mark.parametrize("defect", CATALOGUE, ids=lambda d: d.name)
def test_a_planted_defect_is_found_and_classified(defect: Defect) -> None:
    result, reasons = found(planted(defect))
    assert {kind: n for kind, n in result.counts.items() if n} == defect.counts
    assert paths_of(result) == defect.paths
    assert ("FAIL" if reasons else "PASS") == defect.expected_verdict
    assert len(result.listed) == sum(defect.counts.values())


def test_the_page_tells_what_is_really_found() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text == page(text), "run python -m tools.defects"


@pytest.mark.whole
def test_defects_of_a_real_target_are_found_by_a_real_validation(world: World) -> None:
    defects = [d for d in CATALOGUE if d.target_only and planted(d).exported == Estate().exported]
    assert len(defects) >= 40
    clean = Estate().exported
    world.pair("a", clean, KeySchema=SCHEMA, AttributeDefinitions=TYPES)
    table = world.dst("a")
    for client, name in ((world.source, world.src("a")), (world.target, table)):
        client.update_time_to_live(TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": TTL})
    run = world.open()
    preflight(run)
    export_tables(run)
    import_tables(run)
    run.now = lambda: datetime.fromtimestamp(NOW, UTC)
    wrong = []
    for defect in defects:
        wanted = {digest(key_of(i, KEY)): i for i in planted(defect).found}
        for item in world.items(world.target, table):
            if digest(key_of(item, KEY)) not in wanted:
                world.target.delete_item(TableName=table, Key=key_of(item, KEY))
        world.put(world.target, table, list(wanted.values()))
        fact = validate_tables(run)[world.src("a")]
        seen = {kind: fact[kind] for kind in ("missing", "extra", "different", "expired", "quarantined") if fact[kind]}
        if (seen, fact["verdict"]) != (defect.counts, defect.expected_verdict):
            wrong.append((defect.name, seen, fact["reasons"]))
    assert not wrong
