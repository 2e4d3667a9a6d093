"""S3's calls: objects and their bucket."""
