"""Removing what a run created."""
