"""A web process that is told to stop hands over to the others: no caller is refused, no stream breaks."""

import os
import re
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.serve.processes import command_of, wait_until

pytestmark = pytest.mark.live

CALLERS = 10
ASKED = {"model": "sandbox-mini", "stream": True, "messages": [{"role": "user", "content": "Count"}], "max_tokens": 40}


def web_processes(product):
    return {process for process in product.processes() if "uvicorn config.asgi" in command_of(process)}


def outcomes_until(stopped, url, key):
    """How each of one caller's streams ended, one after another on connections of their own."""
    outcomes = []
    while not stopped.is_set():
        try:
            answer = requests.post(url, json=ASKED, headers={"Authorization": f"Bearer {key}"}, timeout=60)
            outcomes.append((answer.status_code, answer.text.rstrip().endswith("data: [DONE]")))
        except requests.RequestException as error:
            outcomes.append((type(error).__name__, False))
    return outcomes


def test_one_after_the_other_refuses_nobody(product):
    running = product.serve_until_ready("--no-worker", "--workers", "2")
    key = re.search(r"sk-\w+", "\n".join(running.lines)).group()
    first = web_processes(product)
    assert len(first) == 2
    stopped = threading.Event()
    with ThreadPoolExecutor(CALLERS) as pool:
        url = f"{product.url}/v1/chat/completions"
        callers = [pool.submit(outcomes_until, stopped, url, key) for _ in range(CALLERS)]
        try:
            for process in first:
                os.kill(process, signal.SIGTERM)
                running.line_with("ended (killed by SIGTERM); starting it again")
                wait_until(lambda gone=process: gone not in web_processes(product) and len(web_processes(product)) == 2)
        finally:
            stopped.set()
        outcomes = [outcome for caller in callers for outcome in caller.result()]
    assert not first & web_processes(product)
    assert len(outcomes) > CALLERS
    assert set(outcomes) == {(200, True)}
