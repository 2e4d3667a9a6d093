"""Reading an account's other services: complete lists, single descriptions, and what could not be read."""
