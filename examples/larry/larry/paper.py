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
    from fpdf.errors import FPDFException  # noqa: PLC0415

    def page() -> FPDF:
        pdf = FPDF(format="A4")
        pdf.set_margin(20)
        pdf.add_page()
        pdf.set_font("Helvetica", size=11)
        return pdf

    known = markdown.encode("latin-1", errors="replace").decode("latin-1")
    set_text = page()
    try:
        set_text.write_html(_without_pictures(_known(_MARKDOWN.render(known))))
    # A table of many columns, a cell longer than a page, a code in a table: texts come from
    # everywhere, and what cannot be set as it is meant is set as it is written.
    except (FPDFException, NotImplementedError, ValueError):
        set_text = page()
        set_text.multi_cell(0, text=known)
    return bytes(set_text.output())


def _known(html: str) -> str:
    return html.encode("latin-1", errors="replace").decode("latin-1")


def _without_pictures(html: str) -> str:
    """Leave pictures out: they would be fetched from wherever the text says."""
    return html.replace("<img", "<span")
