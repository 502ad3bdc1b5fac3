"""Sample data of any size: believable, honest about dirt, and reproducible to the byte."""

from pipeline.sample.generate import write_sample
from pipeline.sample.truth import summary

__all__ = ["summary", "write_sample"]
