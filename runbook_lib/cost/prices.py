"""List prices in USD by region, with their date. An estimate is no offer: check them, or set `prices`.

Public on-demand list prices of DynamoDB (Standard table class) and S3 (Standard) without free tier, discounts
and tax. A region that is not in the table has no price here, and so no cost is claimed for it. Sources: the
pricing pages of Amazon DynamoDB and Amazon S3.
"""

from __future__ import annotations

from runbook_lib.config.money import Prices

AS_OF = "2025-01"
_FIRST_REGIONS = Prices(
    export_gb=0.10,
    import_gb=0.15,
    million_writes=0.625,
    million_reads=0.125,
    thousand_puts=0.005,
    thousand_gets=0.0004,
    storage_gb_month=0.023,
    transfer_gb=0.02,
)
PRICES = {"us-east-1": _FIRST_REGIONS, "us-east-2": _FIRST_REGIONS, "us-west-2": _FIRST_REGIONS}


def prices_of(region: str, own: Prices) -> Prices:
    """The prices of a region, each replaced by the migration file's own where that gives one; None is not known."""
    known = PRICES.get(region, Prices())
    return known.model_copy(update=own.model_dump(exclude_none=True))


def sources_of(regions: set[str], own: Prices) -> str:
    """Where the prices of an estimate come from, in words."""
    named = sorted(own.model_dump(exclude_none=True))
    parts = [f"list prices of {AS_OF}, to be checked against AWS's pricing pages"]
    if missing := sorted(regions - PRICES.keys()):
        parts.append(f"no list price is built in for {', '.join(missing)}")
    if named:
        parts.append(f"from the migration file: {', '.join(named)}")
    return "; ".join(parts)
