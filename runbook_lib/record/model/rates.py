"""How fast a run wrote, and how soon its requests were answered."""

from __future__ import annotations

from runbook_lib.record.model.base import Count, Number, Section


class RequestTimes(Section):
    """Requests that were answered within `ms` milliseconds, and not within those of the entry before."""

    ms: Number = 0.0
    requests: Count = 0


class ThroughputRecord(Section):
    """How fast the run wrote itself; averages are over the `seconds` in which anything was written.

    The times of requests are as this machine saw them, from sending to the whole answer, in milliseconds.
    """

    seconds: Number = 0.0
    items_per_second: Number = 0.0
    items_per_second_best: Number = 0.0
    units_per_second: Number | None = None
    units_per_second_best: Number | None = None
    request_ms_p50: Number | None = None
    request_ms_p99: Number | None = None
    request_times: list[RequestTimes] = []
