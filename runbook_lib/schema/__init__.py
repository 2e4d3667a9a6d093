"""How two tables' definitions compare."""
