from __future__ import annotations

import base64
import secrets
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django import Settings

from accounts.models import User
from providers import keys
from providers.models import ApiKey, Provider
from rini.environment.secrets import master_keys
from rini.running import datadir
from rini.secrets import crypto, sealed
from rini.secrets.secret import Secret

VALUE = "sk-rotation-비밀-0123456789"


@pytest.fixture
def user(database: None) -> User:
    return User.objects.create_user()


def stored(user: User, number: int = 1) -> list[ApiKey]:
    openai = Provider.objects.get(pk="openai")
    return [keys.store(user, openai, Secret(f"{VALUE}-{n}")) for n in range(number)]


def add_master_key(settings: Settings) -> bytes:
    new = secrets.token_bytes(32)
    settings.MASTER_KEYS = [new, *settings.MASTER_KEYS]
    return new


def rotate(**options: Any) -> str:
    output = StringIO()
    call_command("rotate_keys", stdout=output, **options)
    return output.getvalue()


def sealed_bytes(key: ApiKey) -> bytes:
    stored = ApiKey.objects.get(pk=key.pk).sealed
    assert stored is not None
    return bytes(stored)


def opened(key: ApiKey) -> str:
    key.refresh_from_db()
    secret = sealed.take(key, "sealed")
    assert secret is not None
    return secret.reveal()


def test_after_a_rotation_the_old_master_key_is_not_needed(user: User, settings: Settings) -> None:
    rows = stored(user, 5)
    lent = Provider.objects.get(pk="groq")
    sealed.put(lent, "sealed_key", Secret("gsk-lent"))
    lent.save()
    new = add_master_key(settings)
    said = rotate(batch=2)
    settings.MASTER_KEYS = [new]
    assert [opened(row) for row in rows] == [f"{VALUE}-{n}" for n in range(5)]
    lent.refresh_from_db()
    secret = sealed.take(lent, "sealed_key")
    assert secret is not None
    assert secret.reveal() == "gsk-lent"
    assert "providers_apikey.sealed: 5 re-wrapped" in said
    Provider.objects.filter(pk="groq").update(sealed_key=None)


def test_a_rotation_that_was_broken_off_goes_on_with_the_rest(
    user: User, settings: Settings
) -> None:
    rows = stored(user, 3)
    add_master_key(settings)
    field = next(field for field in sealed.fields() if field.model is ApiKey)
    assert sealed.rewrap(field, rows[0])
    before = sealed_bytes(rows[0])
    said = rotate()
    assert "providers_apikey.sealed: 2 re-wrapped" in said
    assert sealed_bytes(rows[0]) == before
    assert "0 re-wrapped" in rotate()


def test_a_key_that_is_changed_during_the_rotation_keeps_its_new_value(
    user: User, settings: Settings
) -> None:
    (row,) = stored(user)
    add_master_key(settings)
    field = next(field for field in sealed.fields() if field.model is ApiKey)
    read = sealed.under_other_keys(field).get(pk=row.pk)
    keys.change(row, value=Secret("sk-new-one-987654321"))
    assert not sealed.rewrap(field, read)
    assert opened(row) == "sk-new-one-987654321"


def test_a_rotation_tells_which_rows_it_could_not_open_and_turns_the_others(
    user: User, settings: Settings
) -> None:
    before = settings.MASTER_KEYS
    settings.MASTER_KEYS = [secrets.token_bytes(32)]
    (lost,) = stored(user)
    settings.MASTER_KEYS = before
    (kept,) = stored(user)
    new = add_master_key(settings)
    with pytest.raises(CommandError) as raised:
        rotate()
    said = str(raised.value)
    assert f"providers_apikey {lost.pk}" in said
    assert str(kept.pk) not in said
    assert VALUE not in said
    settings.MASTER_KEYS = [new]
    assert opened(kept) == f"{VALUE}-0"


def test_a_sealed_key_that_was_copied_to_another_user_s_row_does_not_open(user: User) -> None:
    mine, other = stored(user)[0], stored(User.objects.create_user())[0]
    ApiKey.objects.filter(pk=other.pk).update(sealed=mine.sealed)
    with pytest.raises(crypto.SealBroken):
        opened(other)
    ApiKey.objects.filter(pk=mine.pk).update(user=other.user_id)
    with pytest.raises(crypto.SealBroken):
        opened(mine)


def test_a_key_that_does_not_open_is_not_replaced_by_the_operator_s(
    user: User, settings: Settings
) -> None:
    stored(user)
    settings.PROVIDER_API_KEYS = {"openai": Secret("sk-operator")}
    settings.MASTER_KEYS = [secrets.token_bytes(32)]
    with pytest.raises(crypto.SealBroken):
        keys.keys_for(user, Provider.objects.get(pk="openai"), uuid4())


@pytest.mark.parametrize("value", ["{},", ",{}", "{},,{}", "{}, ,{}"])
def test_an_empty_part_among_the_master_keys_is_refused(value: str) -> None:
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    with pytest.raises(SystemExit, match="RINI_API_MASTER_KEY has an empty key"):
        master_keys("RINI_API_MASTER_KEY", value.format(key, key))


def test_where_the_keys_come_from_the_environment_a_new_one_is_told(user: User) -> None:
    said = rotate(new=True)
    assert "run `manage.py rotate_keys`" in said
    assert len(base64.b64decode(said.splitlines()[-1])) == 32


def test_an_installations_own_key_is_changed_while_it_runs(
    user: User, settings: Settings, tmp_path: Path
) -> None:
    before = datadir.load(tmp_path).master_key
    settings.MASTER_KEYS_FILE = tmp_path / datadir.FILE
    row = stored(user)[0]
    said = rotate(new=True)
    after = datadir.load(tmp_path).master_key
    assert after != before
    assert "," not in after
    assert before not in said
    assert after not in said
    assert opened(row) == f"{VALUE}-0"
    settings.MASTER_KEYS_FILE = None
    settings.MASTER_KEYS = [base64.b64decode(after)]
    assert opened(row) == f"{VALUE}-0"


def test_an_interrupted_change_goes_on_with_its_own_new_key(
    user: User, settings: Settings, tmp_path: Path
) -> None:
    old = datadir.load(tmp_path).master_key
    settings.MASTER_KEYS_FILE = tmp_path / datadir.FILE
    row = stored(user)[0]
    new = base64.b64encode(secrets.token_bytes(32)).decode()
    datadir.update(tmp_path, master_key=f"{new},{old}")
    rotate(new=True)
    assert datadir.load(tmp_path).master_key == new
    assert opened(row) == f"{VALUE}-0"
