"""Move DynamoDB tables to another region, account or name, and prove that nothing was lost."""

__version__ = "0.1.0"
