"""Reading a migration file: its lines, and its mistakes with line numbers."""
