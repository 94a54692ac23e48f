"""The report: results.py knows what was made, sections show it, page.html frames them, figures.py draws."""
