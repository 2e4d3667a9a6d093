"""Commands and probes of the migration file: run without a shell, with few variables, and with a limit of time."""
