"""The analysts' page."""

from pathlib import Path

from pipeline.state.fingerprints import combine, digest_bytes

TEMPLATES = Path(__file__).parent / "html"
MODULES = (
    "pipeline.report.dictionary",
    "pipeline.report.figures.bars",
    "pipeline.report.figures.curves",
    "pipeline.report.figures.graph",
    "pipeline.report.figures.heat",
    "pipeline.report.figures.style",
    "pipeline.report.index",
    "pipeline.report.lineage",
    "pipeline.report.overview",
    "pipeline.report.page",
    "pipeline.report.panels",
    "pipeline.report.panels.audience",
    "pipeline.report.panels.titles",
    "pipeline.report.panels.viewing",
    "pipeline.report.quality",
    "pipeline.report.queries",
    "pipeline.report.tables",
    "pipeline.report.templates",
    "pipeline.report.warehouse",
)


def template_digest() -> str:
    """Return the digest of the page's templates, style sheet and script."""
    return combine({path.name: digest_bytes(path.read_bytes()) for path in TEMPLATES.iterdir() if path.is_file()})
