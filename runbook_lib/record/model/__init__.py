"""The sections of run.json, as types."""
