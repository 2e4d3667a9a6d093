"""One run: its folder, lock, ledger, secret and facts."""
