"""What was done: markers, the audit of loads, fingerprints, locks, the executor of one load."""
