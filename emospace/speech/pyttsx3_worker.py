"""Run pyttsx3 in a process of its own, where it may hang or crash without harm.

Each line of stdin is a JSON list [text, file, properties]. The worker writes the file and answers with one line: the
error as a JSON string, "" for success. `emospace.speech.voices` runs this module as a script.
"""

import contextlib
import json
import os
import sys


def serve(requests, answers) -> None:
    """Answer requests until their stream ends."""
    import pyttsx3
    from pyttsx3.drivers import _espeak

    engine = pyttsx3.init("espeak")
    _espeak.Synchronize()
    engine.runAndWait()  # an empty loop: until its first loop has ended, the library only queues requests
    for request in requests:
        text, file, properties = json.loads(request)
        error = ""
        try:
            for name, value in properties.items():
                _espeak.Synchronize()
                engine.setProperty(name, value)
            # A thread of espeak-ng applies the properties. Until it is done, setting a voice would undo its work, and
            # the library would treat it as speech to be cancelled: both the properties and the text would be lost.
            _espeak.Synchronize()
            engine.save_to_file(text, file)
            engine.runAndWait()
        except Exception as failure:  # pyttsx3 raises many types, bare AssertionErrors among them
            error = f"it failed ({failure or type(failure).__name__})"
        print(json.dumps(error), file=answers, flush=True)


if __name__ == "__main__":
    # The library prints a line per file: reserve the real stdout for the answers.
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        serve(sys.stdin, sys.__stdout__)
