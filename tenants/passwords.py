"""Passwords: argon2id, a length that means something, and no hint whether an account exists."""

import argon2

from gongzhi.core.api import Invalid

_HASHER = argon2.PasswordHasher()

#: Verified when there is no such account, so that the answer takes as long as if there were.
_NOBODY = _HASHER.hash("nobody has this password")

SHORTEST, LONGEST = 12, 200


class PasswordWeak(Invalid):
    """The password is too short or too simple."""

    code = "PASSWORD_WEAK"
    zh = "密码须为{shortest}至{longest}个字符，且不能是同一字符的重复"
    en = "A password has {shortest} to {longest} characters, and not one character over and over"


def hash_password(password: str) -> str:
    """The hash to keep.

    :raises PasswordWeak: it is too short, too long or one character repeated.
    """
    if not SHORTEST <= len(password) <= LONGEST or len(set(password)) < 4:
        raise PasswordWeak(path="password", shortest=SHORTEST, longest=LONGEST, problem="")
    return _HASHER.hash(password)


def password_fits(kept: str | None, password: str) -> bool:
    """True when the password is the one the hash was made of; takes as long without a hash."""
    if len(password) > LONGEST:
        kept, password = None, password[:LONGEST]
    try:
        _HASHER.verify(_NOBODY if kept is None else kept, password)
    except argon2.exceptions.VerificationError:
        return False
    return kept is not None
