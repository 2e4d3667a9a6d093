"""DynamoDB Streams, read only: the shards of a stream, and the records of a shard."""
