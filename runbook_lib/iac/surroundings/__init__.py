"""Resources around the tables as infrastructure code: two stacks, messaging and monitoring, initially disabled."""
