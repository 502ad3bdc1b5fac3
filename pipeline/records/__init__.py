"""From bytes to typed rows of CSV files: pure code, which executors of Spark run without the rest of the project."""
