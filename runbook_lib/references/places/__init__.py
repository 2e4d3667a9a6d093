"""Where in each service a table may be named."""
