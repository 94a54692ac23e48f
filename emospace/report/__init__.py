"""The report: content.py gathers facts, figures.py draws, page.html and page.css show them."""
