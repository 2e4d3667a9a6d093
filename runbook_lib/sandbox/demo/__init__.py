"""The demo: its migration, its sabotage, its lab."""
