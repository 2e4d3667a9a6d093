"""Reading an account's other services: whole lists, single descriptions, and what could not be read."""
