"""Sections of a migration file that say what moves where, and what becomes of it on its way."""
