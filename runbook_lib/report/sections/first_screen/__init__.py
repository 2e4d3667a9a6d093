"""What stands first in a report: the verdict, why it is so, and what nobody could check."""
