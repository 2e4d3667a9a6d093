"""The ledger's SQL tables other than facts: files, rejected items, samples, differences, digests."""
