"""The best run in one sentence, with the speaker on whom it does worst."""

TITLE = "In one sentence"
ORDER = 5
TEMPLATE = """
<div class="card"><p>{{ best.run }} is right for {{ best.UA | percent }} % (UA), and for {{ worst[1] | percent }} % of
what {{ worst[0] }} says.</p></div>
"""


def gather(results):
    """Return None if no run has a score."""
    scored = [row for row in results.summary if row["UA"] is not None]
    if not scored:
        return None
    best = max(scored, key=lambda row: row["UA"])
    speakers = results.metrics[best["run"]]["speakers"]
    worst = min(speakers, key=lambda name: speakers[name]["UA"])
    return {"best": best, "worst": (worst, speakers[worst]["UA"])}
