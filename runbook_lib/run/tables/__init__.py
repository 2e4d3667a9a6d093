"""The tables of a ledger that are no facts by name: files, what was refused, samples, differences, digests."""
