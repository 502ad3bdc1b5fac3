"""Programs that run on Spark. They are shipped as a zip: they import `pipeline.records` and each other, no more."""
