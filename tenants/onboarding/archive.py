"""What is unpacked before it is trusted: the zip archive that an XLSX is."""

import copy
import io
import zlib
from collections.abc import Collection
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from gongzhi.tenants.onboarding.limits import Limits
from gongzhi.tenants.onboarding.refusals import FileBomb, FileCorrupt, FileEncrypted, FileKind, FileTruncated

_CENTRAL_ENTRY = b"PK\x01\x02"
_ENCRYPTED_FLAG = 0x1
_CHUNK = 64 * 1024

#: What a zip archive without a workbook in it probably is, by a name inside.
_OTHER_KINDS = (
    ("xl/workbook.bin", "XLSB"),
    ("word/", "DOCX"),
    ("ppt/", "PPTX"),
    ("content.xml", "ODS / ODF"),
)


def check_archive(file: str, data: bytes, limits: Limits) -> None:
    """Unpack every member once, counting, and keep nothing; refuses bombs, damage and passwords.

    After this the same bytes may be handed to a parser, for they will unpack to the same amount again.
    """
    # Counted before zipfile builds an object for each entry of the directory.
    if data.count(_CENTRAL_ENTRY) > limits.members:
        raise FileBomb(file=file)
    try:
        with ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            _check_directory(file, members, packed=len(data), limits=limits)
            _check_content(file, archive, members, limits=limits)
    except BadZipFile as error:
        # zipfile says so when the directory at the end, where archives are read from, is not there.
        raise (FileTruncated if "not a zip file" in str(error) else FileCorrupt)(file=file) from error
    except EOFError as error:
        raise FileTruncated(file=file) from error
    except zlib.error as error:
        raise FileCorrupt(file=file) from error


def _check_directory(file: str, members: Collection[ZipInfo], *, packed: int, limits: Limits) -> None:
    if any(member.flag_bits & _ENCRYPTED_FLAG for member in members):
        raise FileEncrypted(file=file)
    _check_kind(file, [member.filename for member in members])
    if any(member.compress_type not in {ZIP_STORED, ZIP_DEFLATED} for member in members):
        # Spreadsheet programs deflate. The other methods unpack without bound in a single call.
        raise FileCorrupt(file=file)
    _check_amount(file, sum(member.file_size for member in members), packed=packed, limits=limits)


def _check_kind(file: str, names: Collection[str]) -> None:
    for inside, kind in _OTHER_KINDS:
        if any(name.startswith(inside) for name in names):
            raise FileKind(file=file, kind=kind)
    if "[Content_Types].xml" not in names:
        raise FileKind(file=file, kind="ZIP")


def _check_amount(file: str, unpacked: int, *, packed: int, limits: Limits) -> None:
    if unpacked > limits.unpacked or unpacked > max(limits.ratio_from, packed * limits.ratio):
        raise FileBomb(file=file)


def _check_content(file: str, archive: ZipFile, members: Collection[ZipInfo], *, limits: Limits) -> None:
    """Unpack and count; the sizes in the directory are only what somebody wrote there."""
    tags = 0
    for member in members:
        # zipfile stops at the declared size; with the limit in its place it goes on to the true end.
        honest = copy.copy(member)
        honest.file_size = limits.unpacked + 1
        size = 0
        with archive.open(honest) as content:
            while chunk := content.read(_CHUNK):
                size += len(chunk)
                tags += chunk.count(b"<")
                if size > member.file_size or tags > limits.tags:
                    raise FileBomb(file=file)
