"""Runs clients that are not part of the development environment, in processes of their own.

Those for Python: `uv venv .venv-clients`, `uv pip install --python .venv-clients --group clients`. The one for Node:
`npm ci` in tests/sdk/node.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
PYTHON = ROOT / ".venv-clients" / "bin" / "python"


def ask_by_python(script, package, alice):
    """What a script of tests/sdk/scripts tells; skipped where its package is not installed."""
    if not PYTHON.exists() or subprocess.run([PYTHON, "-c", f"import {package}"], capture_output=True).returncode:
        pytest.skip(f"{package} is not installed in .venv-clients")
    return _told([PYTHON, HERE / "scripts" / script], alice)


def ask_by_node(script, alice):
    """What a script of tests/sdk/node tells; skipped where `npm ci` was not run there."""
    node = shutil.which("node")
    if node is None or not (HERE / "node" / "node_modules").exists():
        pytest.skip("tests/sdk/node has no node_modules")
    return _told([node, HERE / "node" / script], alice)


def _told(command, alice):
    own = {"BASE_URL": alice.base_url, "API_KEY": alice.key, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    kept = {name: os.environ[name] for name in ("HOME", "PATH") if name in os.environ}
    run = subprocess.run(command, env=kept | own, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr[-4000:]
    return json.loads(run.stdout.splitlines()[-1])
