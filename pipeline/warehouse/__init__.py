"""What happens in PostgreSQL: landing, merging, rejects, checks, publishing."""
