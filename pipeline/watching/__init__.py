"""Watching a run: what each task does while it runs, what came of it, and whom to tell."""
