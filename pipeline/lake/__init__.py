"""Large tables in Parquet, made by Spark."""
