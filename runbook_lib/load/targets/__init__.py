"""Targets that DynamoDB creates, warms or fills itself."""
