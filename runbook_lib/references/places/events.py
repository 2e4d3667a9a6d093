"""EventBridge: rules and their targets on every bus, schedules, and pipes."""

from __future__ import annotations

from collections.abc import Iterator

from runbook_lib.aws.reading.listings import BUSES, PIPES, RULE_TARGETS, RULES, SCHEDULES
from runbook_lib.aws.reading.reader import ServiceReader
from runbook_lib.references.places.place import SearchedText, member_texts


def places_of_events(reader: ServiceReader) -> Iterator[SearchedText]:
    for bus in reader.entries(BUSES):
        for rule in reader.entries(RULES, bus["Name"], EventBusName=bus["Name"]):
            name = rule["Name"] if bus["Name"] == "default" else f"{bus['Name']}/{rule['Name']}"
            yield from member_texts("rule", name, {"EventPattern": rule.get("EventPattern")})
            for target in reader.entries(RULE_TARGETS, name, Rule=rule["Name"], EventBusName=bus["Name"]):
                held = {f"target {target.get('Id', '')}, {member}": target[member] for member in target}
                yield from member_texts("rule", name, held)


def places_of_schedules(reader: ServiceReader) -> Iterator[SearchedText]:
    for entry in reader.entries(SCHEDULES):
        group, name = entry.get("GroupName", "default"), entry["Name"]
        label = f"{group}/{name}"
        schedule = reader.get("scheduler", "GetSchedule", label, Name=name, GroupName=group)
        target = (schedule or {}).get("Target") or entry.get("Target") or {}
        yield from member_texts("schedule", label, {f"Target {member}": value for member, value in target.items()})


def places_of_pipes(reader: ServiceReader) -> Iterator[SearchedText]:
    for pipe in reader.entries(PIPES):
        state = str(pipe.get("CurrentState") or "").lower()
        held = {member: pipe.get(member) for member in ("Source", "Enrichment", "Target")}
        yield from member_texts("pipe", f"{pipe['Name']}{f' ({state})' if state else ''}", held)
