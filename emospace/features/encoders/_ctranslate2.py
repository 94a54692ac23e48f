"""Cut a Whisper network of CTranslate2 after a layer of its encoder: the library gives the states of the last only.

Layout of model.bin, version 6: u32 version, string name, u32 revision, u32 number of variables; of each variable its
string name, u8 rank, u32 per dimension, u8 type, u32 number of bytes, bytes; then aliases. Integers are little-endian.
A string has its length (u16) before it, and a NUL at its end.
"""

import re
import struct
from collections.abc import Iterator
from pathlib import Path

from emospace.core.errors import InputError

VERSION = 6
LAYER = re.compile(r"(encoder|decoder)/layer_(\d+)/")


class Model:
    """The variables of a model.bin. Raises InputError for another version and for a damaged file."""

    def __init__(self, path: Path):
        self.path, self.content = path, path.read_bytes()
        try:
            self.head, self.variables, self.tail = self._split()
        except (struct.error, IndexError, UnicodeDecodeError) as error:
            raise InputError(path, "it is truncated or damaged", "delete it and fetch the weights again") from error

    @property
    def layers(self) -> int:
        """Number of layers of the encoder."""
        found = (LAYER.match(name) for name, _ in self.variables)
        return max((int(layer[2]) for layer in found if layer and layer[1] == "encoder"), default=-1) + 1

    def cut(self, layers: int) -> bytes:
        """A model.bin whose encoder has its first `layers` layers and its final normalisation.

        It has one layer of the decoder, which the library requires, and saves the memory of the others.
        """
        kept = [data for name, data in self.variables if self._stays(name, layers)]
        return b"".join([self.head, struct.pack("<I", len(kept)), *kept, self.tail])

    @staticmethod
    def _stays(name: str, layers: int) -> bool:
        layer = LAYER.match(name)
        return layer is None or int(layer[2]) < (layers if layer[1] == "encoder" else 1)

    def _split(self) -> tuple[bytes, list[tuple[str, bytes]], bytes]:
        """The header without its count, (name, record) of each variable, and the aliases."""
        [version] = struct.unpack_from("<I", self.content)
        if version != VERSION:
            reason = f"it has version {version} of the CTranslate2 format, and layers can be read of {VERSION} alone"
            raise InputError(self.path, reason, "convert the weights again, or leave out the option layers")
        _, start = self._string(4)
        _, count = struct.unpack_from("<II", self.content, start)
        variables = list(self._variables(start + 8, count))
        end = start + 8 + sum(len(data) for _, data in variables)
        struct.unpack_from("<I", self.content, end)  # the number of aliases
        return self.content[: start + 4], variables, self.content[end:]

    def _variables(self, place: int, count: int) -> Iterator[tuple[str, bytes]]:
        for _ in range(count):
            name, end = self._string(place)
            end += 2 + 4 * self.content[end]  # rank, dimensions, type
            [size] = struct.unpack_from("<I", self.content, end)
            yield name, self.content[place : end + 4 + size]
            place = end + 4 + size

    def _string(self, place: int) -> tuple[str, int]:
        """The string at this place, and the place behind it."""
        [length] = struct.unpack_from("<H", self.content, place)
        return self.content[place + 2 : place + 1 + length].decode(), place + 2 + length
