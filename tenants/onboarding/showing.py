"""How a stranger's cell or file name looks in a message: short, and harmless to the terminal it is printed on."""

import unicodedata

SHOWN = 60


def shorten(text: str, *, shown: int = SHOWN) -> str:
    """The text in at most this many characters, with control characters made visible and harmless."""
    whole = text if len(text) <= shown else text[: shown - 1] + "…"
    return "".join(_visible(sign) for sign in whole)


def _visible(sign: str) -> str:
    if sign < " ":
        return chr(0x2400 + ord(sign))
    # Controls, direction overrides and lone surrogates would act on the terminal or fail to encode.
    return "�" if unicodedata.category(sign) in {"Cc", "Cf", "Cs"} else sign
