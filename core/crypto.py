"""The key ring of this installation: values sealed for one community and column, indexes that match unread."""

import dataclasses
import fcntl
import hashlib
import hmac
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Final, Self
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gongzhi.core import clock
from gongzhi.core.errors import Misconfigured
from gongzhi.core.masking import compact

_KEY_BYTES: Final = 32
_KEY_ID_BYTES: Final = 4
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_INDEX_BYTES: Final = 16
#: The first byte of a sealed value: AES-256-GCM, laid out as version, key id, nonce, ciphertext and tag.
_SEALED_V1: Final = b"\x01"
_HEADER_BYTES: Final = len(_SEALED_V1) + _KEY_ID_BYTES
_SHORTEST: Final = _HEADER_BYTES + _NONCE_BYTES + _TAG_BYTES


class CannotDecrypt(RuntimeError):  # noqa: N818  # says what happened
    """A sealed value does not open: damaged, moved from its place, or its key is not on this ring."""

    def __init__(self) -> None:
        super().__init__("a sealed value does not open here")


@dataclasses.dataclass(frozen=True, kw_only=True)
class _MasterKey:
    """What the communities' data keys are derived from."""

    id: str
    created: date
    key: bytes = dataclasses.field(repr=False)

    def __post_init__(self) -> None:
        if len(bytes.fromhex(self.id)) != _KEY_ID_BYTES or len(self.key) != _KEY_BYTES:
            raise ValueError("a key or its id has the wrong length")

    @classmethod
    def new(cls) -> Self:
        key_id, key = secrets.token_hex(_KEY_ID_BYTES), secrets.token_bytes(_KEY_BYTES)
        return cls(id=key_id, created=clock.today(), key=key)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Ring:
    """What the key file holds; bytes stand in it as base64."""

    version: int
    current: str
    keys: tuple[_MasterKey, ...]
    index_key: bytes = dataclasses.field(repr=False)

    def __post_init__(self) -> None:
        ids = {key.id for key in self.keys}
        if self.version != 1:
            raise ValueError("a newer release made it")
        if self.current not in ids or len(ids) != len(self.keys) or len(self.index_key) != _KEY_BYTES:
            raise ValueError("its keys do not fit together")

    @classmethod
    def new(cls) -> Self:
        first = _MasterKey.new()
        return cls(version=1, current=first.id, keys=(first,), index_key=secrets.token_bytes(_KEY_BYTES))

    def rotated(self) -> "_Ring":
        new = _MasterKey.new()
        return dataclasses.replace(self, current=new.id, keys=(*self.keys, new))


class KeyRing:
    """The keys of this installation, kept in one file; whoever loses the file loses what was sealed with it."""

    def __init__(self, path: Path) -> None:
        """Read the ring at this path.

        :raises Misconfigured: the file is missing, damaged, or open to others than its owner.
        """
        self._path = path.resolve()
        self._ring = _read(self._path)
        self._cipher = lru_cache(maxsize=1024)(self._derive_cipher)
        self._index_key = lru_cache(maxsize=1024)(self._derive_index_key)

    @classmethod
    def load_or_create(cls, path: Path) -> Self:
        """The ring at this path, made now if there is none; of two processes that make it, both get the same.

        :raises Misconfigured: as the constructor; a file that stands there is never overwritten.
        """
        with _explained(path):
            if not path.exists():
                _create(path)
        return cls(path)

    @property
    def current(self) -> str:
        """The id of the key that seals now."""
        return self._ring.current

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The ids of every key that opens, oldest first."""
        return tuple(key.id for key in self._ring.keys)

    def rotate(self) -> str:
        """Seal with a new key from now on, and return its id; the old keys still open, the index stays as it is.

        Other processes learn of the new key when they meet a value sealed with it.

        :raises Misconfigured: the file can't be replaced (a read-only mount), or is damaged by now.
        """
        with _explained(self._path), _locked(self._path):
            ring = _read(self._path).rotated()
            with _written_beside(self._path, ring) as fresh:
                owner = self._path.stat()
                # Root may rotate the ring of a service that runs as somebody else.
                if owner.st_uid != os.geteuid():
                    os.chown(fresh, owner.st_uid, owner.st_gid)
                fresh.replace(self._path)
            _sync_folder(self._path.parent)
        self._ring = ring
        return ring.current

    def seal(self, plaintext: str, *, tenant: UUID, field: str) -> bytes:
        """The text, readable only for this community and in this column.

        A community's key may seal 2³² values before nonces get likely to repeat; rotate long before.
        """
        header = _SEALED_V1 + bytes.fromhex(self.current)
        nonce = secrets.token_bytes(_NONCE_BYTES)
        place = _place(header, tenant, field)
        return header + nonce + self._cipher(self.current, tenant).encrypt(nonce, plaintext.encode(), place)

    def open(self, sealed: bytes, *, tenant: UUID, field: str) -> str:
        """The text that was sealed for this community and column.

        :raises CannotDecrypt: with no word about the content.
        """
        if len(sealed) < _SHORTEST or not sealed.startswith(_SEALED_V1):
            raise CannotDecrypt
        header, rest = sealed[:_HEADER_BYTES], sealed[_HEADER_BYTES:]
        cipher = self._cipher(header[len(_SEALED_V1) :].hex(), tenant)
        try:
            place = _place(header, tenant, field)
            return cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], place).decode()
        except InvalidTag:
            raise CannotDecrypt from None

    def blind_index(self, text: str, *, tenant: UUID, field: str) -> bytes:
        """Sixteen bytes that are equal where the texts are, in this community and column only.

        Width, case, white space and hyphens make no difference. Rotation leaves it alone: its key never changes.
        """
        digest = hmac.digest(self._index_key(tenant, field), compact(text).encode(), "sha256")
        return digest[:_INDEX_BYTES]

    def __repr__(self) -> str:
        return f"KeyRing({str(self._path)!r}, current={self.current!r}, keys={len(self._ring.keys)})"

    def _derive_cipher(self, key_id: str, tenant: UUID) -> AESGCM:
        return AESGCM(_derived(self._master_key(key_id), b"gongzhi data 1" + tenant.bytes))

    def _derive_index_key(self, tenant: UUID, field: str) -> bytes:
        return _derived(self._ring.index_key, b"gongzhi index 1" + tenant.bytes + field.encode())

    def _master_key(self, key_id: str) -> bytes:
        if key_id not in self.key_ids:
            # Another process may have rotated the ring since we read it.
            try:
                self._ring = _read(self._path)
            except Misconfigured as problem:
                raise CannotDecrypt from problem
        for key in self._ring.keys:
            if key.id == key_id:
                return key.key
        raise CannotDecrypt


def hash_token(token: str) -> bytes:
    """What is stored of a token; 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode()).digest()


def new_token(prefix: str) -> str:
    """A token of 32 random bytes; the prefix (``gz_``) lets people and scanners tell what it is."""
    return prefix + secrets.token_urlsafe(32)


def _derived(key: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=purpose).derive(key)


def _place(header: bytes, tenant: UUID, field: str) -> bytes:
    # Header and tenant have fixed lengths, so no two places are spelt alike.
    return header + tenant.bytes + field.encode()


def _read(path: Path) -> _Ring:
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            raw = file.read()
    except OSError as problem:
        raise Misconfigured(problem=f"the key ring {path} cannot be read: {problem.strerror}") from problem
    if mode & 0o077:
        raise Misconfigured(problem=f"others may read the key ring {path} (mode {mode:04o}); make it 0600")
    try:
        return msgspec.json.decode(raw, type=_Ring)
    except ValueError as problem:
        # Restoring it is the operator's part: a new ring would open nothing that was sealed.
        broken = f"the key ring {path} is damaged ({problem}); restore it from the backup"
    raise Misconfigured(problem=broken)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise Misconfigured(problem=f"the key ring {path} cannot be written: {problem.strerror}") from problem


def _create(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A link never replaces a file: where another process was quicker, its ring holds.
    with _written_beside(path, _Ring.new()) as fresh, suppress(FileExistsError):
        os.link(fresh, path)
    _sync_folder(path.parent)


@contextmanager
def _written_beside(path: Path, ring: _Ring) -> Iterator[Path]:
    """The ring on disk under a passing name, mode 0600, gone again after the block unless it was moved."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    fresh = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(ring)))
            file.flush()
            os.fsync(file.fileno())
        yield fresh
    finally:
        fresh.unlink(missing_ok=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Alone with the key file: two rotations at once would lose a key."""
    while True:
        with path.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            # Whoever held the lock has put a new file in the old one's place.
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                yield
                return


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
