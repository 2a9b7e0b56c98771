"""The calls that a shop makes, truly signed."""

import time
from dataclasses import dataclass
from typing import Any

from tests.orders.gateway.server import Answer, GatewayServer
from tests.orders.gateway.shop import Shop
from tests.orders.gateway.signatures import md5_of, rsa_of


@dataclass(frozen=True)
class Merchants:
    gateway: GatewayServer
    shop: Shop

    def xunhupay(self, path: str, **fields: Any) -> Answer:
        """A signed call; fields that are None are left out."""
        merchant = self.gateway.merchant("xunhupay")
        signed = {"appid": merchant["appid"], "time": int(time.time()), "nonce_str": "n0nce", **fields}
        signed = {name: value for name, value in signed.items() if value is not None}
        return self.gateway.post(path, {"hash": md5_of(signed, merchant["secret"]), **signed})

    def xunhupay_create(self, reference: str = "TOP1", **fields: Any) -> Answer:
        order = {
            "version": "1.1",
            "trade_order_id": reference,
            "total_fee": "299.00",
            "title": "starter plan",
            "notify_url": self.shop.notify_url,
            "return_url": self.shop.return_url,
        }
        return self.xunhupay("/payment/do.html", **(order | fields))

    def epay_create(self, reference: str = "TOP1", **fields: Any) -> Answer:
        merchant = self.gateway.merchant("epay")
        order = self._epay_order(reference) | {"pid": merchant["pid"]} | fields
        return self.gateway.post("/mapi.php", order | {"sign": md5_of(order, merchant["key"]), "sign_type": "MD5"})

    def epay_v2(self, action: str, **fields: Any) -> Answer:
        merchant = self.gateway.merchant("epay-v2")
        order = {"pid": merchant["pid"], "timestamp": int(time.time()), **fields}
        signature = rsa_of(order, merchant["merchant_private_key"])
        return self.gateway.post(f"/api/pay/{action}", order | {"sign": signature, "sign_type": "RSA"})

    def epay_v2_create(self, reference: str = "TOP1", **fields: Any) -> Answer:
        return self.epay_v2("create", **(self._epay_order(reference) | {"method": "web"} | fields))

    def stripe(self, path: str, fields: dict[str, Any], **headers: str) -> Answer:
        return self.gateway.post(path, fields, Authorization=self.bearer, **headers)

    def stripe_get(self, path: str) -> Answer:
        return self.gateway.request("GET", path, headers={"Authorization": self.bearer})

    def stripe_create(self, reference: str = "TOP1", fields: dict[str, Any] | None = None, **headers: str) -> Answer:
        """A Checkout Session whose events come to this shop."""
        self.gateway.control("/merchants/Demo%20shop", webhook_url=self.shop.notify_url)
        order = {
            "mode": "payment",
            "client_reference_id": reference,
            "success_url": f"{self.shop.return_url}/{{CHECKOUT_SESSION_ID}}",
            "cancel_url": f"{self.shop.url}/cancelled",
            "line_items[0][quantity]": 1,
            "line_items[0][price_data][currency]": "cny",
            "line_items[0][price_data][unit_amount]": 29900,
            "line_items[0][price_data][product_data][name]": "starter plan",
            "metadata[order_no]": "ORDER1",
        }
        return self.stripe("/v1/checkout/sessions", order | (fields or {}), **headers)

    def pay(self, page: str, choice: str = "pay") -> Answer:
        """Click on the page at this address."""
        return self.gateway.post(page, {"choice": choice})

    @property
    def bearer(self) -> str:
        return f"Bearer {self.gateway.merchant('stripe')['key']}"

    def _epay_order(self, reference: str) -> dict[str, Any]:
        return {
            "type": "alipay",
            "out_trade_no": reference,
            "notify_url": self.shop.notify_url,
            "return_url": self.shop.return_url,
            "name": "topup_100",
            "money": "90.00",
            "clientip": "127.0.0.1",
        }
