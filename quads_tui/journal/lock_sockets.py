"""Abstract Unix sockets as locks: the kernel drops them with their process, and tells who bound them."""

from __future__ import annotations

import errno
import socket
import struct
from contextlib import suppress
from pathlib import Path


def bound(name: str) -> socket.socket | None:
    """None: it is somebody's. Raises OSError."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        made.bind(name)
        made.listen(64)
    except OSError as error:
        made.close()
        if error.errno != errno.EADDRINUSE:
            raise
        return None
    return made


def is_bound(name: str) -> bool:
    """Whether somebody has this abstract name. Asks the kernel's list: each connection would stay in the queue of who listens."""
    with suppress(OSError):
        wanted = f" @{name[1:]}\n"
        return any(line.endswith(wanted) for line in Path("/proc/net/unix").read_text(errors="replace").splitlines(keepends=True))
    return False


def listener(name: str) -> tuple[int, int] | None:
    """Process and user of who listens there, as the kernel tells; None where nobody does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        peer.settimeout(1.0)
        try:
            peer.connect(name)
        except ConnectionRefusedError:
            return None
        except OSError:  # it listens, and its queue of those who asked before is full
            uid, pid = owner(name)
            return pid, uid or 0
        pid, uid, _ = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        return int(pid), int(uid)


def owner(name: str) -> tuple[int | None, int]:
    """User and process (0: not to be seen) of who bound this abstract name."""
    with suppress(OSError, ValueError):
        for line in Path("/proc/net/unix").read_text(errors="replace").splitlines()[1:]:
            words = line.split(maxsplit=7)
            if len(words) == 8 and words[7] == f"@{name[1:]}":
                return _user_of_socket(int(words[6])), _process_of_socket(int(words[6]))
    return None, 0


def _user_of_socket(inode: int) -> int | None:
    """By sock_diag(7): linux/unix_diag.h. None where the kernel is older than that."""
    by_family, show_uid, uid_attribute, any_state, no_cookie = 20, 0x40, 7, 0xFFFFFFFF, 0xFFFFFFFF
    asked = struct.pack("=BBHIIIII", socket.AF_UNIX, 0, 0, any_state, inode, show_uid, no_cookie, no_cookie)
    with suppress(OSError, struct.error), socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4) as kernel:
        kernel.settimeout(1.0)
        kernel.send(struct.pack("=IHHII", 16 + len(asked), by_family, 1, 0, 0) + asked)
        answer = kernel.recv(8192)
        at, (length, kind) = 32, struct.unpack_from("=IH", answer)
        while kind == by_family and at + 8 <= min(length, len(answer)):
            size, attribute = struct.unpack_from("=HH", answer, at)
            if attribute == uid_attribute:
                return int(struct.unpack_from("=I", answer, at + 4)[0])
            at += max(4, (size + 3) & ~3)
    return None


def _process_of_socket(inode: int) -> int:
    """Seen by its owner and by root; else 0."""
    for place in Path("/proc").glob("[0-9]*/fd"):
        with suppress(OSError):
            for file in place.iterdir():
                with suppress(OSError):
                    if str(file.readlink()) == f"socket:[{inode}]":
                        return int(place.parent.name)
    return 0
