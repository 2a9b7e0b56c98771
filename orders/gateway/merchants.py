"""Who takes payments here: one demo shop per protocol, or those of a JSON file.

The file is `{"merchants": [{"protocol": "xunhupay", "name": …, …}, …]}`; the other members are the fields of the class
of that protocol. It holds both sides' keys, so that a shop can be set up from it.
"""

import json
import os
import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from .signing import rsa_pair

XUNHUPAY, EPAY, EPAY_V2, STRIPE = "xunhupay", "epay", "epay-v2", "stripe"
DEMO_NAME = "Demo shop"


@dataclass(frozen=True, slots=True)
class XunhupayMerchant:
    protocol: ClassVar[str] = XUNHUPAY
    name: str
    appid: str
    secret: str = field(repr=False)

    @property
    def account(self) -> str:
        return self.appid


@dataclass(frozen=True, slots=True)
class EpayMerchant:
    """EPay V1, signed with MD5."""

    protocol: ClassVar[str] = EPAY
    name: str
    pid: str
    key: str = field(repr=False)

    @property
    def account(self) -> str:
        return self.pid


@dataclass(frozen=True, slots=True)
class EpayV2Merchant:
    """EPay V2, signed with RSA. Keys are base64 of DER, or PEM; the merchant's private one is for the shop alone."""

    protocol: ClassVar[str] = EPAY_V2
    name: str
    pid: str
    merchant_public_key: str
    platform_private_key: str = field(repr=False)
    merchant_private_key: str = field(default="", repr=False)
    platform_public_key: str = ""

    @property
    def account(self) -> str:
        return self.pid


@dataclass(slots=True)
class StripeMerchant:
    """A Stripe account in test mode. Where it is told can change while payments are open."""

    protocol: ClassVar[str] = STRIPE
    name: str
    key: str = field(repr=False)
    webhook_secret: str = field(repr=False)
    webhook_url: str = ""

    @property
    def account(self) -> str:
        return self.name


Merchant = XunhupayMerchant | EpayMerchant | EpayV2Merchant | StripeMerchant
CLASSES: dict[str, type[Merchant]] = {
    kind.protocol: kind for kind in (XunhupayMerchant, EpayMerchant, EpayV2Merchant, StripeMerchant)
}


class BadFile(Exception):
    """The file of merchants cannot be used, in words for whoever wrote it."""


def demo_merchants() -> list[Merchant]:
    """One merchant per protocol, with new secrets."""
    merchant_private, merchant_public = rsa_pair()
    platform_private, platform_public = rsa_pair()
    return [
        XunhupayMerchant(DEMO_NAME, appid="201900000001", secret=secrets.token_hex(16)),
        EpayMerchant(DEMO_NAME, pid="1001", key=secrets.token_hex(16)),
        EpayV2Merchant(DEMO_NAME, "1002", merchant_public, platform_private, merchant_private, platform_public),
        StripeMerchant(DEMO_NAME, f"sk_test_{secrets.token_hex(24)}", f"whsec_{secrets.token_hex(24)}"),
    ]


def merchants_of(path: Path) -> list[Merchant]:
    """The merchants of a file. When there is none, it is made, readable by this user alone, with demo merchants.

    Raises BadFile.
    """
    try:
        return _parsed(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        _write(path, demo_merchants())
        return merchants_of(path)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BadFile(f"{path} does not say who the merchants are: {error!r}") from None


def described(merchant: Merchant) -> dict[str, str]:
    """A merchant with its secrets, as in the file."""
    return {"protocol": merchant.protocol, **asdict(merchant)}


def _parsed(document: dict[str, Any]) -> list[Merchant]:
    rows: list[dict[str, str]] = document["merchants"]
    return [CLASSES[row["protocol"]](**{k: v for k, v in row.items() if k != "protocol"}) for row in rows]


def _write(path: Path, merchants: list[Merchant]) -> None:
    """Whole or not at all; of several who write at once the first wins."""
    text = json.dumps({"merchants": [described(merchant) for merchant in merchants]}, indent=2, ensure_ascii=False)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text + "\n")
    with suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()
