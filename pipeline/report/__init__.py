"""The analysts' page: one HTML file about what `trusted` holds, read as the analysts read it."""

from pathlib import Path

from pipeline.fingerprints import digest_bytes

FOLDER = Path(__file__).parent
PARTS = ("page.html.j2", "tables.html.j2", "index.html.j2", "page.css", "page.js")


def template_digest() -> str:
    """Return the digest of the files that the page is made of, apart from the code."""
    return digest_bytes(b"\0".join((FOLDER / name).read_bytes() for name in PARTS))
