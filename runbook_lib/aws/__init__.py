"""The only place that talks to AWS: guarded clients and the wire-level path of items."""
