"""Sections of the migration file with their own module."""
