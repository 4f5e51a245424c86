"""Markdown as PDF."""

from typing import Final

from markdown_it import MarkdownIt

_MARKDOWN: Final = MarkdownIt("commonmark", {"html": False}).enable("table")


def to_pdf(markdown: str) -> bytes:
    """Set a text in A4.

    The fonts every reader has know the letters of western Europe; others become ``?``.
    """
    # Imported here: it costs a fifth of a second, and many a Larry never makes a PDF.
    from fpdf import FPDF  # noqa: PLC0415

    pdf = FPDF(format="A4")
    pdf.set_margin(20)
    pdf.add_page()
    pdf.set_font("Helvetica", size=11)
    known = markdown.encode("latin-1", errors="replace").decode("latin-1")
    pdf.write_html(_without_pictures(_MARKDOWN.render(known)))
    return bytes(pdf.output())


def _without_pictures(html: str) -> str:
    """Leave pictures out: they would be fetched from wherever the text says."""
    return html.replace("<img", "<span")
