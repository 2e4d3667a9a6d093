"""HTTP to DynamoDB for item bytes: signing, connections, retries."""
