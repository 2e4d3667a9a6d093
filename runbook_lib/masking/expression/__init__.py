"""Filters in DynamoDB's expression syntax: parsed, and evaluated on items."""
