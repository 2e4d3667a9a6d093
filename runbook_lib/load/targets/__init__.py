"""Targets that are created, warmed, or filled by DynamoDB itself."""
