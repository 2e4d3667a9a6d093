"""Samples of every index, queried in the target."""
