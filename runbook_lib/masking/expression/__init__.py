"""Filters in DynamoDB's expression syntax: read, and judged on items."""
