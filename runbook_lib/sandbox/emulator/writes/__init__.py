"""Every way to write an item, as strict as DynamoDB."""
