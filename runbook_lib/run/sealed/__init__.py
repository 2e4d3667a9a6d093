"""Runs whose folder is sealed: the seal, and what another run takes from one."""
