"""The facts of a run, by the stage that records them: each has a type, and is read and written only here."""
