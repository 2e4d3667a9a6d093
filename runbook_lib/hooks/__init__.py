"""Commands and probes from the migration file: run without a shell, with few variables and a time limit."""
