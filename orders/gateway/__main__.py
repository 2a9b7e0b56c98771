"""``python -m orders.gateway --port N``: serve the gateway on 127.0.0.1 until SIGINT or SIGTERM."""

import argparse
import logging
import signal
import socket
import sys
from dataclasses import replace
from pathlib import Path
from typing import Never

import uvicorn

from .app import DIALECTS, App
from .faults import Faults
from .merchants import BadFile, Merchant, StripeMerchant, demo_merchants, merchants_of
from .notifying import Notifier
from .state import Ids, State
from .till import Gateway

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"
GRACE_S = 1  # an answer that never comes on purpose would hold up the exit for ever
KEEP_ALIVE_S = 75  # longer than callers keep idle connections: or now and then one is closed under a new request


def main() -> None:
    # uvicorn repeats the signal that stopped it once it has shut down; this turns it into exit status 0.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    options = _options()
    merchants = _merchants(options)
    with _listen(options.port) as listener:
        url = options.public_url.rstrip("/") or f"http://{HOST}:{listener.getsockname()[1]}"
        logger.info("local payment gateway, a development tool that moves no money, on %s", url)
        config = uvicorn.Config(
            App(_gateway(options, merchants, url)),
            log_level="critical",  # at any lower one uvicorn reports the answers that never come on purpose
            log_config=None,
            access_log=False,
            lifespan="on",
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=GRACE_S,
        )
        uvicorn.Server(config).run(sockets=[listener])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m orders.gateway",
        description="A payment gateway for development: xunhupay, EPay and Stripe Checkout, and no money moves.",
    )
    add = parser.add_argument
    add("--port", type=int, default=0, help="port on 127.0.0.1; 0, the default, takes a free one")
    add("--merchants", type=Path, metavar="FILE", help="who takes payments, in JSON; made with demo shops if missing")
    add("--public-url", default="", metavar="URL", help="how browsers reach it, if not by 127.0.0.1 and the port")
    add("--stripe-webhook", default="", metavar="URL", help="where Stripe merchants that name no address are told")
    add(
        "--allow-notify", action="append", default=[], metavar="HOST[:PORT]", help="a host besides this machine to tell"
    )
    add("--retry-after", type=float, default=2.0, metavar="SECONDS", help="the first pause before telling again")
    add("--seed", type=int, help="makes the numbers of payments the same in every run")
    return parser.parse_args()


def _merchants(options: argparse.Namespace) -> list[Merchant]:
    try:
        known = merchants_of(options.merchants) if options.merchants else demo_merchants()
    except BadFile as error:
        sys.exit(str(error))
    return [_with_webhook(merchant, options.stripe_webhook) for merchant in known]


def _with_webhook(merchant: Merchant, url: str) -> Merchant:
    if isinstance(merchant, StripeMerchant) and not merchant.webhook_url:
        return replace(merchant, webhook_url=url)
    return merchant


def _gateway(options: argparse.Namespace, merchants: list[Merchant], url: str) -> Gateway:
    faults = Faults()
    notifier = Notifier(
        dialects=DIALECTS, faults=faults, allowed=frozenset(options.allow_notify), pause=options.retry_after
    )
    return Gateway(merchants, DIALECTS, url, Ids(options.seed), State(), faults, notifier)


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port), backlog=1024)
    except (OSError, OverflowError) as error:
        sys.exit(f"The gateway cannot listen on {HOST}:{port}: {error}")


def _leave(number: int, frame: object) -> Never:
    sys.exit(0)


if __name__ == "__main__":
    main()
