"""What stands around the tables: who names the old ones."""
