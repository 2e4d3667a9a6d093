"""The stage before everything: the plan, and all that stands in its way."""
