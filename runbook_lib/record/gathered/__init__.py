"""What the record takes from the ledger and adds up on the way."""
