"""What DescribeTable and its neighbours say of a table."""
