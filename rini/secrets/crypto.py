"""Stored secrets: envelope encryption with AES-256-GCM.

Every secret has a data key of its own, wrapped by a master key (`rini.secrets.masters`, newest
first), so that a new master key re-wraps 32 bytes a row and no secret is opened for it. The bytes:

    1   version, 1
    8   id of the master key: the beginning of its SHA-256
    12  nonce │ 48  wrapped data key
    12  nonce │ n   the secret, encrypted with the data key, with its tag of 16 bytes

Both layers authenticate the place of the secret (table, column, row, owner): bytes that were copied
to another row, or another user's, do not open there.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import TypedDict, Unpack

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from rini.errors import RiniError
from rini.secrets.masters import master_keys
from rini.secrets.secret import Secret
from rini.translation import gettext_noop

VERSION = 1
KEY_ID = slice(1, 9)
_WRAPPED = slice(9, 69)
_PAYLOAD = slice(69, None)
_NONCE_BYTES = 12
_SHORTEST = 69 + _NONCE_BYTES + 16
log = structlog.get_logger(__name__)


class Place(TypedDict):
    """Where a secret belongs; it opens nowhere else."""

    table: str
    column: str
    row: str
    owner: str


class SealBroken(RiniError):
    """Sealed bytes do not open: another master key, another place, or damage."""

    code = "stored_secret_unreadable"
    detail = gettext_noop(
        "A stored secret cannot be opened. Store it again; the log tells the operator why, under "
        "this request's id."
    )


def seal(secret: Secret, **place: Unpack[Place]) -> bytes:
    """`secret` under a fresh data key, for this place alone."""
    data_key = AESGCM.generate_key(256)
    payload = _encrypt(data_key, secret.reveal().encode(), _context(b"secret", place))
    return _wrap(data_key, place) + payload


def unseal(sealed: bytes, **place: Unpack[Place]) -> Secret:
    """The secret in `sealed`. Raises `SealBroken`, and logs why."""
    data_key = _unwrap(sealed, place)
    try:
        return Secret(_decrypt(data_key, sealed[_PAYLOAD], _context(b"secret", place)).decode())
    except InvalidTag:
        raise _broken("the secret itself is damaged", place) from None


def rewrap(sealed: bytes, **place: Unpack[Place]) -> bytes:
    """`sealed` under the newest master key; the secret stays closed. Raises `SealBroken`."""
    return _wrap(_unwrap(sealed, place), place) + sealed[_PAYLOAD]


def newest_key_id() -> bytes:
    """The id of the master key that new secrets are sealed under."""
    return _key_id(master_keys()[0])


def _wrap(data_key: bytes, place: Place) -> bytes:
    master_key = master_keys()[0]
    header = bytes([VERSION]) + _key_id(master_key)
    return header + _encrypt(master_key, data_key, _context(b"data key" + header, place))


def _unwrap(sealed: bytes, place: Place) -> bytes:
    if len(sealed) < _SHORTEST:
        raise _broken("it is too short", place)
    if sealed[0] != VERSION:
        raise _broken(f"its version {sealed[0]} is unknown", place)
    known = {_key_id(key): key for key in master_keys()}
    key_id = sealed[KEY_ID]
    if key_id not in known:
        reason = f"its master key {key_id.hex()} is not in RINI_API_MASTER_KEY"
        raise _broken(reason, place)
    context = _context(b"data key" + sealed[: KEY_ID.stop], place)
    try:
        return _decrypt(known[key_id], sealed[_WRAPPED], context)
    except InvalidTag:
        raise _broken("it was sealed for another place, or is damaged", place) from None


def _encrypt(key: bytes, text: bytes, context: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, text, context)


def _decrypt(key: bytes, text: bytes, context: bytes) -> bytes:
    return AESGCM(key).decrypt(text[:_NONCE_BYTES], text[_NONCE_BYTES:], context)


def _context(layer: bytes, place: Place) -> bytes:
    """The authenticated data: every part behind its length, so that no two places look alike."""
    names = (place["table"], place["column"], place["row"], place["owner"])
    parts = (layer, *(name.encode() for name in names))
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def _key_id(master_key: bytes) -> bytes:
    return hashlib.sha256(master_key).digest()[:8]


def _broken(reason: str, place: Place) -> SealBroken:
    log.error("a sealed secret does not open", reason=reason, **place)
    return SealBroken()
