"""Texts of templates and clusters, made fit for a terminal."""


def printable(text: str) -> str:
    """A text without characters that a terminal obeys; line breaks are among them."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
