"""The analysts' page."""

from pathlib import Path

from pipeline.state.fingerprints import combine, digest_bytes

TEMPLATES = Path(__file__).parent / "html"


def template_digest() -> str:
    """Return the digest of the page's templates, style sheet and script."""
    return combine({path.name: digest_bytes(path.read_bytes()) for path in TEMPLATES.iterdir() if path.is_file()})
