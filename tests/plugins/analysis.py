"""Mistakes of a run: a table, a bar chart of their number per class, and a video."""

OUTPUTS = ["mistakes.csv", "mistakes.svg", "mistakes.mp4"]
ENVIRONMENT = "media"
PACKAGES = ["av"]


def analyse(run, out, *, most: int = 20):
    """Analyse the first seed. most: largest number of mistakes in the table."""
    truth, guess = run.truth, run.predictions.probabilities[0].argmax(-1)
    wrong = [i for i in range(len(truth.rows)) if guess[i] != truth.label[i]]
    lines = [f"{truth.rows[i].utterance},{run.classes[truth.label[i]]},{run.classes[guess[i]]}" for i in wrong[:most]]
    (out / "mistakes.csv").write_text("\n".join(["utterance,label,predicted", *lines]) + "\n", encoding="utf-8")
    counts = [sum(truth.label[i] == k for i in wrong) for k in range(len(run.classes))]
    bars = "".join(f'<rect x="{20 * k}" width="15" height="{5 * n + 1}"/>' for k, n in enumerate(counts))
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="{20 * len(counts)}" height="100">{bars}</svg>'
    (out / "mistakes.svg").write_text(svg, encoding="utf-8")
    film(out / "mistakes.mp4", counts)
    return {"mistakes": len(wrong)}


def film(path, counts):
    """Write a video of one second: a grey image that gets brighter with each class."""
    import av
    import numpy as np

    with av.open(path, "w") as container:
        stream = container.add_stream("mpeg4", rate=len(counts))
        stream.width = stream.height = 64
        for k in range(len(counts)):
            picture = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 40 * k, np.uint8))
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
