"""A passkey in software: what a phone or a security key does, with every claim open to forging."""

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from fido2 import cbor
from fido2.cose import ES256
from fido2.utils import websafe_decode, websafe_encode

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


@dataclass
class Authenticator:
    """One passkey for one account. `origin`, `site`, `flags` and `count` are what it claims."""

    origin: str = "https://localhost"
    site: str = "localhost"
    flags: int = PRESENT | VERIFIED
    count: int = 0
    handle: bytes = b""
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def create(self, options: dict[str, Any]) -> str:
        """The browser's answer to navigator.credentials.create()."""
        self.handle = websafe_decode(options["user"]["id"])
        public = cbor.encode(dict(ES256.from_cryptography_key(self.key.public_key())))
        attested = bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id + public
        data = self._data(ATTESTED) + attested
        return self._answer(
            clientDataJSON=websafe_encode(self._client_data("webauthn.create", options)),
            attestationObject=websafe_encode(cbor.encode({"fmt": "none", "attStmt": {}, "authData": data})),
        )

    def prove(self, options: dict[str, Any]) -> str:
        """The browser's answer to navigator.credentials.get()."""
        self.count += 1
        client_data, data = self._client_data("webauthn.get", options), self._data()
        signature = self.key.sign(data + hashlib.sha256(client_data).digest(), ec.ECDSA(SHA256()))
        return self._answer(
            clientDataJSON=websafe_encode(client_data),
            authenticatorData=websafe_encode(data),
            signature=websafe_encode(signature),
            userHandle=websafe_encode(self.handle),
        )

    def _client_data(self, kind: str, options: dict[str, Any]) -> bytes:
        return json.dumps({"type": kind, "challenge": options["challenge"], "origin": self.origin}).encode()

    def _data(self, more_flags: int = 0) -> bytes:
        site = hashlib.sha256(self.site.encode()).digest()
        return site + bytes([self.flags | more_flags]) + self.count.to_bytes(4, "big")

    def _answer(self, **response: str) -> str:
        credential = websafe_encode(self.credential_id)
        return json.dumps({"id": credential, "rawId": credential, "type": "public-key", "response": response})
