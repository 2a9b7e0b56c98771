"""A sealed secret opens only for its own purpose, row and master key."""

import pytest

from config.kernel.sealing import SealBroken, keyed_hash, seal, unseal

MASTER = bytes(range(32))


def sealed():
    return seal("sk-secret", master=MASTER, purpose="customer key", context="key_1:1")


def test_it_opens_again():
    assert unseal(sealed(), master=MASTER, purpose="customer key", context="key_1:1") == "sk-secret"


def test_the_secret_is_not_in_the_ciphertext():
    assert b"secret" not in sealed()


@pytest.mark.parametrize(
    ("master", "purpose", "context"),
    [
        (bytes(32), "customer key", "key_1:1"),
        (MASTER, "channel secret", "key_1:1"),
        (MASTER, "customer key", "key_2:1"),
        (MASTER, "customer key", "key_1:2"),
    ],
)
def test_it_opens_nowhere_else(master, purpose, context):
    with pytest.raises(SealBroken):
        unseal(sealed(), master=master, purpose=purpose, context=context)


@pytest.mark.parametrize("position", [0, 1, 5, 20, -1])
def test_a_changed_byte_is_noticed(position):
    broken = bytearray(sealed())
    broken[position] ^= 1
    with pytest.raises(SealBroken):
        unseal(bytes(broken), master=MASTER, purpose="customer key", context="key_1:1")


def test_a_cut_ciphertext_is_noticed():
    with pytest.raises(SealBroken):
        unseal(sealed()[:10], master=MASTER, purpose="customer key", context="key_1:1")


def test_the_same_key_hashes_differently_under_another_pepper():
    assert keyed_hash("sk-a", pepper=b"1") != keyed_hash("sk-a", pepper=b"2")
