"""S3's calls: objects and the bucket they lie in."""
