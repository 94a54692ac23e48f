"""A process in which pyttsx3 may hang or crash: per line [text, file, properties] it writes the file, then a line.

The line answers with what went wrong, a JSON string, "" for nothing. Run by `emospace.speech.voices`, as a file.
"""

import contextlib
import json
import os
import sys


def serve(requests, answers) -> None:
    """Answer until the requests end."""
    import pyttsx3
    from pyttsx3.drivers import _espeak

    engine = pyttsx3.init("espeak")
    _espeak.Synchronize()
    engine.runAndWait()  # of nothing: until its first loop has ended the library only lists what it is asked for
    for request in requests:
        text, file, properties = json.loads(request)
        error = ""
        try:
            for name, value in properties.items():
                _espeak.Synchronize()
                engine.setProperty(name, value)
            # A thread of espeak-ng's sets them. While it is at it, another voice would undo its work, and the library
            # takes it for speech that is to be cancelled: settings, and the text itself, would be lost.
            _espeak.Synchronize()
            engine.save_to_file(text, file)
            engine.runAndWait()
        except Exception as failure:  # it raises what it likes, bare AssertionErrors too
            error = f"it failed ({failure or type(failure).__name__})"
        print(json.dumps(error), file=answers, flush=True)


if __name__ == "__main__":
    # The library prints a line per file: keep the real stdout for the answers.
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        serve(sys.stdin, sys.__stdout__)
