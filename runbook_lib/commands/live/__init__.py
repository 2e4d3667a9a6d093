"""Commands about tables that are written to while they are moved."""
