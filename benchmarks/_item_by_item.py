"""The published unified space made in the way of its original: file by file, item by item, with plain libraries.

Each stage reads and writes one file per utterance. Models are loaded once per stage and called for one item at a time.
In training, every utterance and every copy has a forward pass of its own, for which its files are read; its sequences
are padded to the longest of the corpus.
"""

import contextlib
import functools
import resource
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from benchmarks.frames import per_utterance
from emospace.core import torchvision_shim
from emospace.core.manifest import Utterance
from emospace.media.opening import MediaError
from emospace.media.pictures import decode, encode
from emospace.media.video import probe
from emospace.models._cross_modal import CrossModal, Terms
from emospace.training.losses import margin_contrastive
from emospace.views import frames_aug
from emospace.views.frames import frame_indices
from emospace.weights.record import Weights

RATES = {"mfcc": 22050, "mfcc_aug": 16000}
FOLDERS = {"audio_22k.mfcc": "mfcc", "frames.clip": "clip", "text.sbert": "sentence"}
CHAIN = ("toy_en_fr", "toy_fr_de", "toy_de_en")
VOICES = {"F": "en-us+f2", "M": "en-us", "": "en-us+m7"}


def spent() -> float:
    """CPU seconds of this process and its children."""
    uses = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(use.ru_utime + use.ru_stime for use in uses)


def interval(row: Utterance) -> dict[str, float]:
    """Options of librosa.load that select an utterance in its recording."""
    return {} if row.whole else {"offset": row.start, "duration": row.end - row.start}


def translated(folder: Path, lines: list[str]) -> list[str]:
    """Translate sentence by sentence, as in the library's own example."""
    from transformers import MarianMTModel, MarianTokenizer

    tokenizer, model = MarianTokenizer.from_pretrained(folder), MarianMTModel.from_pretrained(folder).eval()
    made = []
    with torch.inference_mode():
        for line in lines:
            tokens = model.generate(**tokenizer([line], return_tensors="pt"), num_beams=4, max_new_tokens=320)
            made.append(" ".join(tokenizer.decode(tokens[0], skip_special_tokens=True).split()))
    return made


def timed(stages: dict[str, Callable]) -> dict[str, tuple[float, float]]:
    """Run the stages in order; return the wall and CPU seconds of each."""
    costs, threads = {}, torch.get_num_threads()
    for name, stage in stages.items():
        torch.set_num_threads(threads)  # recognition sets one thread for all of the process
        wall, cpu = time.perf_counter(), spent()
        stage()
        costs[name] = time.perf_counter() - wall, spent() - cpu
    return costs


class Naive:
    """rows: of the manifest. root: folder of the corpus. work: for the files. weights: by name. seed: of transforms.

    silence: seconds, option of `recognition.whisper`.
    """

    def __init__(
        self,
        rows: Sequence[Utterance],
        root: Path,
        work: Path,
        weights: dict[str, Weights],
        seed: int,
        silence: float,
    ):
        torchvision_shim.ensure()
        self.rows, self.root, self.work, self.weights = rows, root, work, weights
        self.seed, self.silence = seed, silence

    def folder(self, name: str) -> Path:
        folder = self.work / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def stages(self) -> dict[str, Callable]:
        return {
            "speech": self.speech,
            "text": self.text,
            "pictures": self.pictures,
            "copies of speech": self.copies_of_speech,
            "copies of text": self.copies_of_text,
            "copies of pictures": self.copies_of_pictures,
        }

    def speech(self) -> None:
        """librosa.load and librosa.feature.mfcc, recording by recording."""
        for row in self.rows:
            if row.audio:
                self._mfcc(self.root / row.audio, row.utterance, "mfcc", **interval(row))

    def _mfcc(self, path: Path, utterance: str, folder: str, **part) -> None:
        import librosa

        try:
            signal, rate = librosa.load(path, sr=RATES[folder], **part)
        except Exception:  # the demo has broken recordings, which every loader reports in its own way
            return
        if len(signal) >= rate / 10:
            np.save(self.folder(folder) / f"{utterance}.npy", librosa.feature.mfcc(y=signal, sr=rate).T)

    def text(self) -> None:
        self._embed_texts({row.utterance: row.text for row in self.rows}, "sentence")

    def _embed_texts(self, texts: dict[str, str], folder: str) -> None:
        from sentence_transformers import SentenceTransformer

        model = SentenceTransformer(str(self.weights["minilm"].directory), device="cpu", local_files_only=True)
        for name, text in texts.items():
            if text:
                np.save(self.folder(folder) / f"{name}.npy", model.encode([text], show_progress_bar=False))

    def pictures(self) -> None:
        """One ffmpeg per utterance; CLIP, picture by picture."""
        self._cut()
        self._embed_pictures("frames", "clip")

    def _cut(self) -> None:
        films: dict[str, object] = {}
        for row in self.rows:
            if row.video and row.video not in films:
                with contextlib.suppress(MediaError):
                    films[row.video] = probe(self.root / row.video)
            if row.video in films and (row.start + row.end) / 2 < films[row.video].duration:
                film, count = films[row.video], max(1, round(row.end - row.start))
                wanted = {row: frame_indices(row.start, row.end, count, film)}
                with contextlib.suppress(subprocess.CalledProcessError):  # a broken film
                    per_utterance(self.root / row.video, wanted, float(film.fps), self.folder("frames"))

    def _embed_pictures(self, source: str, folder: str) -> None:
        from emospace.features.encoders import clip

        encoder = clip.load(weights=self.weights["clip"])
        for row in self.rows:
            files = [self.folder(source) / f"{row.utterance}-{k}.jpg" for k in range(99)]
            made = [encoder([[file.read_bytes()]], [""])[0][0] for file in files if file.exists()]
            if made:
                np.save(self.folder(folder) / f"{row.utterance}.npy", np.stack(made))

    def copies_of_speech(self) -> None:
        """Recognise, say with one espeak-ng, compute the MFCC."""
        import soundfile

        from emospace.speech.prosody import Setting
        from emospace.speech.recognition import whisper
        from emospace.speech.voices import Espeak, SynthesisError

        say = Espeak(60)
        with whisper(self.weights["whisper_tiny_en"], 1, silence=self.silence) as listen:
            for row in self.rows:
                if not (self.folder("mfcc") / f"{row.utterance}.npy").exists():
                    continue
                text = " ".join(listen(self._samples(row)).split())
                try:
                    wave = say(text, VOICES[row.gender], Setting())
                except SynthesisError:  # nothing to say
                    continue
                wav = self.folder("speech_aug") / f"{row.utterance}.wav"
                soundfile.write(wav, wave, RATES["mfcc_aug"])
                self._mfcc(wav, row.utterance, "mfcc_aug")

    def _samples(self, row: Utterance) -> np.ndarray:
        """Samples as they are in the file; a rounding could change the recognised words."""
        import soundfile

        rate = soundfile.info(self.root / row.audio).samplerate
        part = {} if row.whole else {"start": round(row.start * rate), "stop": round(row.end * rate)}
        return soundfile.read(self.root / row.audio, dtype="int16", **part)[0]

    def copies_of_text(self) -> None:
        """Translate sentence by sentence through three models."""
        texts = {row.utterance: row.text for row in self.rows if row.text}
        lines = list(texts.values())
        for name in CHAIN:
            lines = translated(self.weights[name].directory, lines)
        self._embed_texts(dict(zip(texts, lines, strict=True)), "sentence_aug")

    def copies_of_pictures(self) -> None:
        """Transform picture by picture."""
        built = frames_aug.build(frames_aug.DEFAULT)
        for row in self.rows:
            index, number = frames_aug.draw(self.seed, row.utterance, len(built))
            for file in sorted(self.folder("frames").glob(f"{row.utterance}-*.jpg")):
                picture = frames_aug.apply(built[index], number, decode(file.read_bytes()))
                (self.folder("frames_aug") / file.name).write_bytes(encode(picture, 90))
        self._embed_pictures("frames_aug", "clip_aug")


class Items:
    """Reads the files of one utterance, or of its copy, at every call, and pads them to the longest of the corpus."""

    def __init__(self, work: Path, shapes: dict[str, list]):
        self.work, self.shapes = work, shapes

    @functools.cached_property
    def longest(self) -> dict[str, int]:
        """Steps of the longest utterance or copy of each input."""
        files = {name: self.work.glob(f"{FOLDERS[name]}*/*.npy") for name in self.shapes}
        return {name: max(len(np.load(file, mmap_mode="r")) for file in files[name]) for name in self.shapes}

    def batch(self, utterance: str, copied: bool) -> dict:
        batch = {}
        for name, (dims, _) in self.shapes.items():
            folder = FOLDERS[name]
            file, made = (self.work / f / f"{utterance}.npy" for f in (folder, f"{folder}_aug"))
            file = made if copied and made.exists() else file
            values = np.load(file) if file.exists() else np.zeros((0, dims))
            padded = torch.zeros(1, self.longest[name], dims)
            padded[0, : len(values)] = torch.from_numpy(values)
            batch[name] = padded, torch.tensor([len(values)])
        return batch


def trained(network: CrossModal, items: Items, sides: dict[str, list[dict]], epochs: int, terms: Terms) -> list[float]:
    """Train item by item, with all train rows as one batch, and score dev; return the train loss of each epoch.

    sides: "train" and "dev" -> their rows: utterance, label, gender.
    """
    optimiser, losses = torch.optim.Adam(network.parameters(), lr=0.002), []
    for _ in range(epochs):
        optimiser.zero_grad()
        loss = total(network.train(), items, sides["train"], terms)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
        with torch.inference_mode():
            total(network.eval(), items, sides["dev"], terms)
    return losses


def total(network: CrossModal, items: Items, rows: list[dict], terms: Terms) -> torch.Tensor:
    """The loss of these rows and their copies."""
    loss, embeddings, labels = torch.zeros(()), [], []
    for row in rows:
        label, gender = torch.tensor([row["label"]]), torch.tensor([row["gender"]])
        for copied in (False, True):
            output = network(items.batch(row["utterance"], copied))
            loss = loss + sum(terms.of(output, label, gender).values())
            embeddings.append(output.embedding)
            labels.append(label)
    return loss + margin_contrastive(torch.cat(embeddings), torch.cat(labels), terms.margin)
