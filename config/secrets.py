"""Installation secrets: made once and kept in `var/secrets.json` (0600), unless the environment has them."""

import json
import os
import secrets
from pathlib import Path

SECRET_BYTES = 32


def load_or_create(path: Path, names: tuple[str, ...]) -> dict[str, str]:
    """The named secrets as hex text, adding to the file those it lacks. Safe when several processes start at once."""
    stored = _read(path)
    missing = [name for name in names if name not in stored]
    if not missing:
        return stored
    merged = {**{name: secrets.token_hex(SECRET_BYTES) for name in names}, **stored}
    _create_once(path, merged) if not stored else _replace(path, merged)
    return _read(path)


def _read(path: Path) -> dict[str, str]:
    try:
        return dict(json.loads(path.read_text()))
    except FileNotFoundError:
        return {}


def _create_once(path: Path, content: dict[str, str]) -> None:
    """Write a complete file under its final name, or leave the one another process was quicker to make."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = _draft(path, content)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _replace(path: Path, content: dict[str, str]) -> None:
    _draft(path, content).replace(path)


def _draft(path: Path, content: dict[str, str]) -> Path:
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file, indent=2)
    return draft
