"""The format that DynamoDB exports in: manifests and data files, read and written."""
