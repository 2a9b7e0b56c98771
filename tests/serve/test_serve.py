"""`manage.py serve`: one command from an empty folder to an answered call, and back to nothing."""

import os
import re
import shutil
import signal
import subprocess

import pytest
import requests

from tests.live import database_url
from tests.serve.conftest import copy_of, unused_port
from tests.serve.processes import command_of, wait_until

pytestmark = pytest.mark.live


def run_printed_curl(running):
    """The banner's curl line, word for word, through a shell; returns what it printed."""
    (line,) = [line.strip() for line in running.lines if line.startswith("  curl")]
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    return subprocess.check_output(["/bin/sh", "-c", line], text=True, timeout=60)


def text_of(stream):
    return "".join(re.findall(r'"content":"((?:[^"\\]|\\.)*)"', stream))


def test_from_an_empty_folder_to_an_answer_and_back_to_nothing(empty_product):
    product = empty_product
    running = product.serve_until_ready()
    banner = "\n".join(running.lines)
    assert re.search(r"Preparing the database … done \d+\.\d s", banner)
    assert re.search(r"Collecting static files … done \d+\.\d s", banner)
    assert f"Console    {product.url}/" in banner
    assert f"Relay      {product.url}/v1" in banner
    assert "Mail       printed here" in banner

    stream = run_printed_curl(running)
    assert stream.rstrip().endswith("data: [DONE]")
    assert len(text_of(stream)) > 0

    home = requests.get(product.url, timeout=30)
    assert home.ok
    style = re.search(r'href="(/static/css/base\.[0-9a-f]+\.css)"', home.text).group(1)
    assert "immutable" in requests.get(product.url + style, timeout=30).headers["Cache-Control"]

    code, output = running.stop(signal.SIGINT)
    assert code == 0
    assert output.endswith("Stopped.")
    assert "Traceback" not in output
    assert "Warning" not in output
    assert product.processes() == []


def test_an_allow_list_that_cannot_be_read_is_told(install, tmp_path):
    code, output = install(tmp_path, EGRESS_ALLOW="10.0.0.0/8,127.1").serve().end()
    assert code == 1
    assert output.strip().startswith("EGRESS_ALLOW: '127.1' is neither a network")
    assert "Traceback" not in output


def test_an_allow_list_of_the_operator_leaves_the_sandbox_reachable(install, prepared, tmp_path):
    running = install(copy_of(prepared, tmp_path), EGRESS_ALLOW="10.0.0.0/8").serve_until_ready("--no-worker")
    assert text_of(run_printed_curl(running))


def test_the_sign_in_link_is_printed_until_the_operator_has_a_password(product):
    running = product.serve_until_ready()
    link = re.search(rf"{product.url}/accounts/link/\S+", "\n".join(running.lines)).group()
    browser = requests.Session()
    assert "operator@localhost" in browser.get(link, timeout=30).text
    asked = browser.post(link, timeout=30)
    assert asked.url == f"{product.url}/accounts/password/set/?next=%2Fdashboard"
    password = {"password1": "correct horse battery", "password2": "correct horse battery"}
    token = {"csrfmiddlewaretoken": browser.cookies["csrftoken"]}
    assert browser.post(asked.url, data={**password, **token}, timeout=30).url == f"{product.url}/dashboard"
    assert browser.get(f"{product.url}/admin/", timeout=30).url == f"{product.url}/admin/"
    running.stop(signal.SIGTERM)

    again = product.serve_until_ready()
    banner = "\n".join(again.lines)
    assert "Operator   operator@localhost" in banner
    assert "/accounts/link/" not in banner
    assert "Collecting static files" not in banner
    assert text_of(run_printed_curl(again))


def test_a_second_serve_of_the_same_folder_says_so(product):
    product.serve_until_ready("--no-worker")
    first = f"{product.url}, process {product.started[0].process.pid}"
    code, output = product.manage("serve", "--port", str(unused_port())).end()
    assert code == 1
    assert f"is being served already: {first}." in output
    assert "VAR_DIR" in output


def test_a_taken_port_is_named_with_the_option_that_chooses_another(product, install, tmp_path):
    product.serve_until_ready("--no-worker", "--no-sandbox")
    other = install(tmp_path / "other")
    other.port = product.port
    code, output = other.serve().end()
    assert code == 1
    assert output.startswith(f"Port {product.port} of 127.0.0.1 is taken by another program.")
    assert output.endswith(f"--port {product.port + 1}")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--port", "80000"], "A port is a number from 1 to 65535."),
        (["--host", "no.such.host.invalid"], "Cannot listen on no.such.host.invalid port"),
    ],
)
def test_a_place_where_nobody_can_listen_is_refused_in_words(product, options, words):
    code, output = product.serve(*options).end()
    assert code == 1
    assert output.startswith(words)
    assert len(output.splitlines()) == 1


def test_a_database_that_does_not_answer_is_named_by_its_setting(install, tmp_path):
    product = install(tmp_path, DATABASE_URL="postgres://nobody:nothing@127.0.0.1:1/none")
    code, output = product.serve().end()
    assert code == 1
    assert "The database does not answer:" in output
    assert "DATABASE_URL" in output
    assert "Traceback" not in output
    assert "nothing" not in output


def test_kill_9_leaves_nobody_behind_and_the_folder_free(product):
    running = product.serve_until_ready()
    assert {name for process in product.processes() for name in kinds(process)} == {
        "web",
        "worker",
        "sandbox",
        "gateway",
        "serve",
    }
    running.process.kill()
    wait_until(lambda: product.processes() == [])
    assert text_of(run_printed_curl(product.serve_until_ready()))


def test_a_killed_web_process_is_replaced_without_refusing_a_caller(product):
    running = product.serve_until_ready("--no-worker")
    (web,) = [process for process in product.processes() if "web" in kinds(process)]
    os.kill(web, signal.SIGKILL)
    running.line_with("web      │ ended (killed by SIGKILL); starting it again in 1 s")
    assert requests.get(f"{product.url}/readyz", timeout=60).ok  # it waits at the door, which stayed open


def test_a_production_installation_has_no_demo_and_no_sandbox(install, prepared, tmp_path):
    product = install(copy_of(prepared, tmp_path), DEMO="false", OPERATOR_EMAIL="carol@example.com")
    running = product.serve_until_ready("--no-worker")
    banner = "\n".join(running.lines)
    assert "carol@example.com, who has no password yet" in banner
    assert "create a key under Token Management" in banner
    assert {name for process in product.processes() for name in kinds(process)} == {"web", "serve"}
    assert requests.get(product.url, headers={"Host": "elsewhere.example.com"}, timeout=30).status_code == 400


def test_the_same_command_uses_postgresql_and_redis(transactional_db, install, prepared, tmp_path):
    if not os.environ.get("REDIS_URL"):
        pytest.skip("this run has neither")
    product = install(copy_of(prepared, tmp_path), DATABASE_URL=database_url(), REDIS_URL=os.environ["REDIS_URL"])
    running = product.serve_until_ready("--workers", "2")
    names = [name for process in product.processes() for name in kinds(process)]
    assert names.count("web") == 2
    assert {"worker", "beat", "sandbox"} <= set(names)
    assert text_of(run_printed_curl(running))
    code, output = running.stop(signal.SIGINT)
    assert code == 0
    assert "Traceback" not in output
    assert product.processes() == []


def kinds(process):
    """Which of our programs a process is."""
    signs = {
        "web": "uvicorn config.asgi",
        "worker": "config.celery worker",
        "beat": "config.celery beat",
        "sandbox": "relay.sandbox",
        "gateway": "orders.gateway",
        "serve": "manage.py serve",
    }
    command = command_of(process)
    return [name for name, sign in signs.items() if sign in command]
