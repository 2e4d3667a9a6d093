"""The first stage: the plan, and every problem with it."""
