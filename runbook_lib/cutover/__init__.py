"""The cut-over: writers stop, the targets are proved once more, and replace the sources."""
