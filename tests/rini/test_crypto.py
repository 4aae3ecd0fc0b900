from __future__ import annotations

import secrets
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from rini.secrets import crypto
from rini.secrets.crypto import Place, SealBroken
from rini.secrets.secret import Secret

PLACE = Place(table="providers_apikey", column="sealed", row="1f", owner="alice")
VALUE = "sk-비밀-密钥-秘密"


def elsewhere(**changes: str) -> Place:
    return Place(**{**PLACE, **changes})  # type: ignore[typeddict-item]  # the names are right


@given(st.text())
def test_what_was_sealed_comes_back(text: str) -> None:
    assert crypto.unseal(crypto.seal(Secret(text), **PLACE), **PLACE).reveal() == text


def test_the_same_secret_is_never_sealed_to_the_same_bytes() -> None:
    first, second = (crypto.seal(Secret(VALUE), **PLACE) for _ in range(2))
    assert first[9:] != second[9:]
    assert VALUE.encode() not in first


@pytest.mark.parametrize(
    "changes", [{"table": "other"}, {"column": "key"}, {"row": "2f"}, {"owner": "bob"}]
)
def test_sealed_bytes_do_not_open_in_another_place(changes: dict[str, str]) -> None:
    sealed = crypto.seal(Secret(VALUE), **PLACE)
    with pytest.raises(SealBroken):
        crypto.unseal(sealed, **elsewhere(**changes))
    with pytest.raises(SealBroken):
        crypto.rewrap(sealed, **elsewhere(**changes))


def test_places_that_read_alike_when_joined_are_different_places() -> None:
    sealed = crypto.seal(Secret(VALUE), **elsewhere(row="1", owner="2alice"))
    with pytest.raises(SealBroken):
        crypto.unseal(sealed, **elsewhere(row="12", owner="alice"))


def test_no_byte_can_be_changed_or_cut_off() -> None:
    sealed = crypto.seal(Secret(VALUE), **PLACE)
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(SealBroken):
            crypto.unseal(bytes(changed), **PLACE)
        with pytest.raises(SealBroken):
            crypto.unseal(sealed[:position], **PLACE)


def test_the_secret_of_one_sealing_does_not_open_with_the_data_key_of_another() -> None:
    one, other = (crypto.seal(Secret(VALUE), **PLACE) for _ in range(2))
    with pytest.raises(SealBroken):
        crypto.unseal(one[:69] + other[69:], **PLACE)


def test_an_older_master_key_opens_until_it_is_taken_out(settings: Settings) -> None:
    old, new = secrets.token_bytes(32), secrets.token_bytes(32)
    settings.MASTER_KEYS = [old]
    sealed = crypto.seal(Secret(VALUE), **PLACE)
    settings.MASTER_KEYS = [new, old]
    assert crypto.unseal(sealed, **PLACE).reveal() == VALUE
    rewrapped = crypto.rewrap(sealed, **PLACE)
    settings.MASTER_KEYS = [new]
    assert crypto.unseal(rewrapped, **PLACE).reveal() == VALUE
    with pytest.raises(SealBroken):
        crypto.unseal(sealed, **PLACE)


def test_rewrapping_changes_the_data_key_s_wrapping_alone(settings: Settings) -> None:
    sealed = crypto.seal(Secret(VALUE), **PLACE)
    settings.MASTER_KEYS = [secrets.token_bytes(32), *settings.MASTER_KEYS]
    rewrapped = crypto.rewrap(sealed, **PLACE)
    assert rewrapped[69:] == sealed[69:]
    assert rewrapped[crypto.KEY_ID] == crypto.newest_key_id() != sealed[crypto.KEY_ID]


def test_a_failure_names_the_place_and_the_reason_in_the_log_and_no_secret(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    sealed = crypto.seal(Secret(VALUE), **PLACE)
    lost = settings.MASTER_KEYS[0]
    settings.MASTER_KEYS = [secrets.token_bytes(32)]
    with pytest.raises(SealBroken) as raised:
        crypto.unseal(sealed, **PLACE)
    said = caplog.text + repr(raised.value) + str(raised.value)
    assert "providers_apikey" in said
    assert sealed[crypto.KEY_ID].hex() in said
    everything: list[Any] = [VALUE, lost.hex(), repr(lost)[2:-1], sealed[69:].hex()]
    assert not [part for part in everything if part in said]


def test_a_secret_shows_itself_to_nobody_who_does_not_ask() -> None:
    secret = Secret(VALUE)
    for shown in (repr(secret), str(secret), f"{secret}", f"{[secret]}", f"{secret!r:>20}"):
        assert VALUE not in shown
    assert secret.last4 == VALUE[-4:] if len(VALUE) >= 12 else not secret.last4
