"""run.json: the verdict and every number, built from the ledger and sealed."""
