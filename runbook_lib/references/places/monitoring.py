"""CloudWatch: the metrics of alarms, and the widgets of dashboards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from runbook_lib.aws.reading.listings import ALARMS, DASHBOARDS
from runbook_lib.aws.reading.reader import ServiceReader
from runbook_lib.references.places.place import SearchedText, texts_of


def places_of_alarms(reader: ServiceReader) -> Iterator[SearchedText]:
    for alarm in reader.entries(ALARMS, AlarmTypes=["MetricAlarm", "CompositeAlarm"]):
        for where, text in _metrics(alarm):
            yield SearchedText("alarm", alarm["AlarmName"], where, text)


def _metrics(alarm: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for dimension in alarm.get("Dimensions") or ():
        yield f"dimension {dimension['Name']}", str(dimension["Value"])
    for metric in alarm.get("Metrics") or ():
        for dimension in ((metric.get("MetricStat") or {}).get("Metric") or {}).get("Dimensions") or ():
            yield f"metric {metric['Id']}, dimension {dimension['Name']}", str(dimension["Value"])
        if metric.get("Expression"):
            yield f"metric {metric['Id']}, expression", metric["Expression"]


def places_of_dashboards(reader: ServiceReader) -> Iterator[SearchedText]:
    """Dashboards are of the account and not of a region; what a widget shows is of the region that it says."""
    for entry in reader.entries(DASHBOARDS):
        name = entry["DashboardName"]
        body = (reader.get("cloudwatch", "GetDashboard", name, DashboardName=name) or {}).get("DashboardBody")
        try:
            widgets = json.loads(body or "{}").get("widgets") or []
        except (ValueError, AttributeError):
            yield SearchedText("dashboard", name, "body", texts_of(body))
            continue
        for number, widget in enumerate(widgets, 1):
            region = (widget.get("properties") or {}).get("region") if isinstance(widget, dict) else None
            yield SearchedText("dashboard", name, f"widget {number}", texts_of(widget), str(region or ""))
