"""Reads small files that a human named: bounded, never waiting on a pipe or a device, and with words instead of errno."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from .diagnostics import InputError


class FileError(InputError):
    """Why a file could not be read, in words for the operator."""


def kind_of(mode: int) -> str:
    """What a file is that is not a regular file."""
    for test, name in (
        (stat.S_ISDIR, "a directory"),
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISLNK, "a symbolic link"),
    ):
        if test(mode):
            return name
    return "a device"


def open_regular(path: Path, *, follow: bool = True) -> int:
    """A descriptor of a regular file, for reading. FileError for anything else; the caller closes it."""
    try:
        # Looked at before it is opened: opening alone can rewind a tape or wake a pipe's writer.
        mode = path.stat(follow_symlinks=follow).st_mode
        if not stat.S_ISREG(mode):
            raise FileError(f"is {kind_of(mode)}; expected a regular file")
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW)
        descriptor = os.open(path, flags)
    except (OSError, ValueError) as error:
        raise FileError(_words(error)) from None
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):  # exchanged between the look and the opening
        os.close(descriptor)
        raise FileError(f"is {kind_of(mode)}; expected a regular file")
    return descriptor


def read_regular(path: Path, most: int, *, follow: bool = True) -> bytes:
    """The bytes of a regular file of at most `most` bytes. FileError otherwise."""
    with os.fdopen(open_regular(path, follow=follow), "rb") as stream:
        return read_bounded(stream.fileno(), most)


def read_bounded(descriptor: int, most: int) -> bytes:
    """All bytes of an open regular file, or FileError when they are more than `most`."""
    parts: list[bytes] = []
    left = most + 1
    try:
        while left and (part := os.read(descriptor, left)):
            parts.append(part)
            left -= len(part)
    except OSError as error:
        raise FileError(_words(error)) from None
    if not left:
        raise FileError(f"is larger than {most:,} bytes; expected a smaller file")
    return b"".join(parts)


def decode(data: bytes) -> str:
    """UTF-8 with or without a byte order mark. UnicodeDecodeError gives the offset in `data`."""
    text = data.decode("utf-8")
    return text.removeprefix("\ufeff")


def _words(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file; expected a file that exists"
    if isinstance(error, PermissionError):
        return "this user has no permission to read it; expected a readable file"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read: {error.strerror}"
    return "cannot be read: not a valid file name"
