"""Tables and permissions as infrastructure code."""
