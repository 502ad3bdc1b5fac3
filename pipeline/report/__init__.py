"""The analysts' page."""

from pathlib import Path

from pipeline.fingerprints import digest_bytes

TEMPLATE = Path(__file__).parent / "page.html.j2"


def template_digest() -> str:
    """Return the digest of the page's template."""
    return digest_bytes(TEMPLATE.read_bytes())
