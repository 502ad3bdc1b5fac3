"""Reading raw files, and turning documents into rows."""
