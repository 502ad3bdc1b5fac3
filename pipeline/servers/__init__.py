"""Connections to PostgreSQL and MongoDB."""
