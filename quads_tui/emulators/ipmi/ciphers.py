"""Cipher suites 3 and 17 (IPMI 2.0, chapter 13.28): HMACs with SHA-1 or SHA-256, and AES-CBC-128."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


@dataclass(frozen=True, slots=True)
class Suite:
    """The numbers of its algorithms, its hash, and how many bytes of it sign a packet."""

    authentication: int
    integrity: int
    confidentiality: int
    digest: str
    code_length: int


SUITES = {3: Suite(1, 1, 1, "sha1", 12), 17: Suite(3, 4, 1, "sha256", 16)}


@dataclass(frozen=True, slots=True)
class Keys:
    """Of one session, from its integrity key (SIK)."""

    suite: Suite
    integrity: bytes
    encryption: bytes

    @classmethod
    def of(cls, suite: Suite, sik: bytes) -> Keys:
        k1, k2 = (hmac.digest(sik, bytes([number]) * 20, suite.digest) for number in (1, 2))
        return cls(suite, k1, k2[:16])

    def code(self, signed: bytes) -> bytes:
        """The authentication code of a packet."""
        return hmac.digest(self.integrity, signed, self.suite.digest)[: self.suite.code_length]

    def encrypt(self, plain: bytes) -> bytes:
        """With the initialization vector in front."""
        vector, pad = secrets.token_bytes(16), -(len(plain) + 1) % 16
        encryptor = self._cipher(vector).encryptor()
        return vector + encryptor.update(plain + bytes(range(1, pad + 1)) + bytes([pad])) + encryptor.finalize()

    def decrypt(self, data: bytes) -> bytes:
        """Empty for what cannot be decrypted."""
        if len(data) < 32 or len(data) % 16:
            return b""
        decryptor = self._cipher(data[:16]).decryptor()
        plain = decryptor.update(data[16:]) + decryptor.finalize()
        return plain[: -1 - plain[-1]] if plain[-1] < 16 else b""

    def _cipher(self, vector: bytes) -> Cipher[modes.CBC]:
        return Cipher(algorithms.AES(self.encryption), modes.CBC(vector))
