"""Streams of the sandbox's tables: what is recorded, and the shards it is read in."""
