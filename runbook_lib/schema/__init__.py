"""Comparing the definitions of two tables."""
