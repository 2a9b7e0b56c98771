"""Claims, prepares, starts and announces the product, and runs it until somebody stops it."""

import asyncio
import os
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection

from accounts import sign_in_links
from config import seeding
from config.egress.addresses import AllowList
from config.serving.claims import LOOPBACK, CannotServe, free_port, listen, only_server_of
from config.serving.console import Banner, Console
from config.serving.preparation import collect_static_files, prepare_database, static_files_changed
from config.serving.programs import default_web_processes, programs
from config.serving.readiness import wait_until_ready
from config.serving.supervisor import Supervisor

EVERYWHERE = {"0.0.0.0": LOOPBACK, "::": "::1"}  # noqa: S104 - how to reach what listens on every address


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line decides; no number of web processes means: what suits the database."""

    host: str
    port: int
    web_processes: int | None
    worker: bool
    sandbox: bool

    @property
    def reachable_host(self) -> str:
        """The address a client on this machine connects to."""
        return EVERYWHERE.get(self.host, self.host)


def run(options: Options, console: Console) -> None:
    """Serve until stopped. Raises CannotServe or ProgramFailed with words for a person."""
    _demand_readable_settings()
    site_url = _tell_children_about_us(options)
    with only_server_of(settings.VAR_DIR, url=site_url), closing(listen(options.host, options.port)) as listener:
        sandbox_port = free_port(settings.SANDBOX_PORT) if options.sandbox else settings.SANDBOX_PORT
        gateway_port = free_port(settings.GATEWAY_PORT) if options.sandbox else settings.GATEWAY_PORT
        _prepare(console, sandbox_port, gateway_port)
        runs_sandbox = options.sandbox and seeding.local_sandbox_channel() is not None
        runs_gateway = options.sandbox and settings.DEMO
        _let_children_call(*[sandbox_port] * runs_sandbox, *[gateway_port] * runs_gateway)
        chosen = programs(
            listener=listener,
            web_processes=options.web_processes or default_web_processes(),
            worker=options.worker,
            site_url=site_url,
            sandbox_port=sandbox_port if runs_sandbox else None,
            gateway_port=gateway_port if runs_gateway else None,
        )
        banner = _banner(site_url)
        connection.close()

        async def announce() -> None:
            if runs_sandbox:
                await wait_until_ready("The sandbox", port=sandbox_port, path="/healthz")
            await _wait_for_web(options, site_url)
            console.line(str(banner))

        # Once our copy of the listener is closed, the last web process to close its own refuses whoever still knocks.
        supervisor = Supervisor(chosen, say=console.say, on_stop=listener.close)
        asyncio.run(supervisor.run(once_started=announce))
    console.line("Stopped.")


def _demand_readable_settings() -> None:
    try:
        AllowList.of(settings.EGRESS_ALLOW)
    except ValueError as error:
        raise CannotServe(str(error)) from None


def _prepare(console: Console, sandbox_port: int, gateway_port: int) -> None:
    with console.step("Preparing the database"):
        prepare_database(
            sandbox_url=f"http://{LOOPBACK}:{sandbox_port}/v1", gateway_url=f"http://{LOOPBACK}:{gateway_port}"
        )
    if static_files_changed():
        with console.step("Collecting static files"):
            collect_static_files()


async def _wait_for_web(options: Options, site_url: str) -> None:
    await wait_until_ready(
        "The web process",
        host=options.reachable_host,
        port=options.port,
        path="/readyz",
        host_header=urlsplit(site_url).netloc,  # in production no other name is answered
    )


def _tell_children_about_us(options: Options) -> str:
    """The site's URL: from the environment, else where we listen. Children inherit it, and where the code is."""
    if "SITE_URL" not in os.environ:
        host = f"[{options.reachable_host}]" if ":" in options.reachable_host else options.reachable_host
        os.environ["SITE_URL"] = f"http://{host}:{options.port}"
    paths = (str(settings.BASE_DIR), os.environ.get("PYTHONPATH", ""))
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    return os.environ["SITE_URL"].rstrip("/")


def _let_children_call(*ports: int) -> None:
    """Nothing is sent to loopback addresses, except by those who are told that these are ours."""
    os.environ["EGRESS_ALLOW"] = ",".join([*settings.EGRESS_ALLOW, *(f"{LOOPBACK}:{port}" for port in ports)])


def _banner(site_url: str) -> Banner:
    operator = seeding.operator()
    needs_link = operator is not None and not operator.has_usable_password()
    return Banner(
        name=settings.SITE_NAME,
        site_url=site_url,
        api_base_url=os.environ.get("API_BASE_URL", f"{site_url}/v1").rstrip("/"),
        operator=operator.email if operator else None,
        sign_in_url=site_url + sign_in_links.path_for(operator) if operator and needs_link else None,
        prints_mail=settings.EMAIL_BACKEND.endswith("console.EmailBackend"),
        demo_key=seeding.demo_key() if settings.DEMO else None,
    )
