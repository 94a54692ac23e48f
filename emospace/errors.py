"""The one exception that a user is meant to read."""


class InputError(Exception):
    """Input that cannot be used: names the file, the reason and the remedy, in that order.

    Raise it wherever a user can mend the cause; scripts print it as one line, without a traceback.
    """

    def __init__(self, file, reason: str, remedy: str = ""):
        self.file, self.reason, self.remedy = str(file), reason, remedy
        super().__init__(f"{self.file}: {reason}." + (f" {remedy}." if remedy else ""))
