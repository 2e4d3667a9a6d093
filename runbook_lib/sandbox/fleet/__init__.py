"""The demo's tables and their items, drawn from the reference fleet."""
