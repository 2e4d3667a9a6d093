"""The first screen of a report: the verdict, its reasons, and what could not be checked."""
