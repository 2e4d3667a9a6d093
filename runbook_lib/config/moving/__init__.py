"""Sections of the migration file about what moves where, and how it is transformed."""
