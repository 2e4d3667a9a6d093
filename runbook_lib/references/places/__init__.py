"""The places of each service in which a table may be named, as they are read."""
