"""What stands around the tables as infrastructure code: two stacks, messaging and monitoring, born asleep."""
