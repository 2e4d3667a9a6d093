"""The cut-over: the writers stand still, the targets are proved once more, and take the place of the sources."""
