"""docs/settings.md: every variable that the settings read, and none that they do not."""

import ast
import re
from pathlib import Path

from config import settings

ROOT = Path(settings.BASE_DIR)
PROVIDERS = ("GOOGLE", "GITHUB")  # of a loop in the settings: f"{name.upper()}_CLIENT_ID"


def variables_read():
    """The names in calls such as `env.int("NAME", default=1)`."""
    for node in ast.walk(ast.parse((ROOT / "config/settings.py").read_text())):
        if isinstance(node, ast.Call) and re.fullmatch(r"env\.\w+", ast.unparse(node.func)) and node.args:
            yield from names_in(node.args[0])


def names_in(argument):
    if isinstance(argument, ast.Constant):
        yield argument.value
    elif isinstance(argument, ast.JoinedStr):
        ending = argument.values[-1]
        assert isinstance(ending, ast.Constant)
        yield from (provider + ending.value for provider in PROVIDERS)


def variables_described():
    return re.findall(r"^\| `([A-Z_]+)` \| .+ \|", (ROOT / "docs/settings.md").read_text(), re.MULTILINE)


def test_every_setting_is_described_once():
    described = variables_described()
    assert sorted(described) == sorted(set(described))
    assert sorted(described) == sorted(set(variables_read()))


def test_plain_defaults_are_told_as_they_are():
    text, source = (ROOT / "docs/settings.md").read_text(), (ROOT / "config/settings.py").read_text()
    plain = re.findall(r'env\.\w+\(\s*"([A-Z_]+)", default=(\d[\d_.]*|True|False)(?=\s*[,)])', source)
    assert len(plain) > 20
    for name, value in plain:
        assert f"| `{name}` | `{value.replace('_', '').lower()}` |" in text, name
