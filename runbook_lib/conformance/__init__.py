"""What we rely on of AWS, as questions that any DynamoDB can be asked; and who was asked and answered what."""
