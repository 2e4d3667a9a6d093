"""The engine spread over workers: leases, budgets, reports."""
