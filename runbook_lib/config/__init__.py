"""The migration file: its model, its mistakes with their lines."""
