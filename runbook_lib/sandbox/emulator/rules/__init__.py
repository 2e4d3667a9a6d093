"""What DynamoDB takes for a value, an item and a key."""
