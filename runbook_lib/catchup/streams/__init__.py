"""Windows that are read from a source's stream: shards in their lineage, changes summed up by key, positions kept."""
