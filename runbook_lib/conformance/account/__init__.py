"""Asking an account: cost in advance, allowed names, and removing everything afterwards."""
