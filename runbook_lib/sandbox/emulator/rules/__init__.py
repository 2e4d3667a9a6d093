"""What DynamoDB accepts as a value, an item and a key."""
