"""The sandbox's process and its HTTP server."""
