"""Drawings of the page: SVG whose colours are the page's, so that it follows light and dark."""
