"""What we rely on AWS for, as questions for any DynamoDB, and the answers of those that were asked."""
