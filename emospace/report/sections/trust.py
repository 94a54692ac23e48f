"""Cautions that a reader needs before trusting a number."""

TITLE = "What to trust"
ORDER = 20


def gather(results) -> dict:
    """All cautions, the worst first."""
    from emospace.report.trust import cautions

    return {"cautions": cautions(results.corpora, results.audits.values(), results.metas, results.features)}
