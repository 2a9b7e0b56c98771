"""Seeds of second factors: sealed in the database, opened to check a code, also those of earlier releases."""

from importlib import import_module

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.apps import apps

from accounts.second_factors import open_seed
from config.kernel.sealing import SealBroken

pytestmark = pytest.mark.django_db
SECRET = "JBSWY3DPEHPK3PXP"
migration = import_module("accounts.migrations.0004_seal_second_factors")


def code_of(secret):
    return format_hotp_value(hotp_value(secret, list(yield_hotp_counters_from_time())[-1]))


def kept(kind):
    return Authenticator.objects.get(type=kind).data


def test_an_app_works_and_its_secret_is_not_in_the_database(alice):
    TOTP.activate(alice, SECRET)
    assert SECRET not in str(kept("totp"))
    assert TOTP(Authenticator.objects.get(type="totp")).validate_code(code_of(SECRET))


def test_recovery_codes_come_of_a_sealed_seed(alice):
    codes = RecoveryCodes.activate(alice).generate_codes()
    seed = kept("recovery_codes")["seed"]
    assert open_seed(seed) not in seed
    assert RecoveryCodes(Authenticator.objects.get(type="recovery_codes")).generate_codes() == codes


def test_another_master_key_opens_nothing(alice, settings):
    TOTP.activate(alice, SECRET)
    settings.SEALING_KEY = bytes(32)
    with pytest.raises(SealBroken):
        open_seed(kept("totp")["secret"])


def test_a_secret_in_clear_works_and_is_sealed_by_the_migration(alice):
    Authenticator.objects.create(user=alice, type="totp", data={"secret": SECRET})
    data = {"migrated_codes": ["abc", "def"], "seed": "0123", "used_mask": 0}
    Authenticator.objects.create(user=alice, type="recovery_codes", data=data)
    Authenticator.objects.create(user=alice, type="webauthn", data={"name": "Laptop"})
    assert TOTP(Authenticator.objects.get(type="totp")).validate_code(code_of(SECRET))

    migration.seal_all(apps, None)
    migration.seal_all(apps, None)  # as after one that was cut off
    assert SECRET not in str(kept("totp"))
    assert open_seed(kept("totp")["secret"]) == SECRET
    assert [open_seed(code) for code in kept("recovery_codes")["migrated_codes"]] == ["abc", "def"]

    migration.open_all(apps, None)
    assert kept("totp") == {"secret": SECRET}
    assert kept("recovery_codes") == data
    assert kept("webauthn") == {"name": "Laptop"}
