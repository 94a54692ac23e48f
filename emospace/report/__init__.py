"""The report: results.py reads the results, sections/ select and lay out, page.html frames them."""
