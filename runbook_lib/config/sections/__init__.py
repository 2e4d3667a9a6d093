"""Sections of the migration file that have a module of their own."""
