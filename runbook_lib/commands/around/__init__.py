"""Commands about what stands around the tables."""
