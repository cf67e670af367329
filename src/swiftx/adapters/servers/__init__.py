"""Servers: HTTP in, the domain's API out."""
