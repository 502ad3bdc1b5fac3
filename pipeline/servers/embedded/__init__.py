"""The servers that the pipeline starts itself where none is configured."""
