"""Questions about what DynamoDB writes to S3 and reads from it, and about its streams."""
