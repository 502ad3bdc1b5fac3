"""What operators ask of the pipeline, beside running it."""
