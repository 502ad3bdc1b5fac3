"""What a declared table is, and what follows from it."""
