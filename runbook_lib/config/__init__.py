"""The migration file: its model, and its mistakes with line numbers."""
