"""What a reader should know before believing a number."""

from emospace.report.trust import cautions

TITLE = "What to trust"
ORDER = 20


def gather(results) -> dict:
    """All cautions, the worst first."""
    return {"cautions": cautions(results.corpora, results.audits.values(), results.metas, results.features)}
