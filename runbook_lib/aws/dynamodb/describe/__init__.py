"""What DescribeTable and related calls say about a table."""
