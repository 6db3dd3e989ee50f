"""What the user can mend."""


class AutoBertZeroError(Exception):
    """Something that the user can mend; the message is one line that says what is wrong and what to do."""


class WritingError(AutoBertZeroError):
    """A file or folder that could not be written."""
