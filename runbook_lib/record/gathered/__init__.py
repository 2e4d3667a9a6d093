"""What the record reads from the ledger, and sums of it."""
