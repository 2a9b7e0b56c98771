"""The message catalogue: found in templates and Python, kept in `locale/`, compiled by Babel alone.

For developers and tests only: Babel is not installed where the product merely runs.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.utils.translation.template import templatize

LOCALE: Final = "zh_Hans"
FOLDER: Final = settings.BASE_DIR / "locale" / LOCALE / "LC_MESSAGES"
PO: Final = FOLDER / "django.po"
MO: Final = FOLDER / "django.mo"

_APPS: Final = ("accounts", "billing", "config", "orders", "relay", "tokens")
_KEYWORDS: Final = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}
_EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)  # a fixed date in the header: only messages change the file


def extract_messages() -> Catalog:
    """Every translatable string of the project as an empty catalogue."""
    found = Catalog(project=settings.SITE_NAME, locale=None, creation_date=_EPOCH, fuzzy=False)
    for path in _sources():
        for _, text, _, context in extract("python", BytesIO(_python_of(path)), keywords=_KEYWORDS):
            found.add(text, locations=[(str(path.relative_to(settings.BASE_DIR)), 0)], context=context)
    return found


def read_catalogue() -> Catalog:
    """What is translated so far; empty when there is no file yet."""
    if not PO.exists():
        return Catalog(locale=LOCALE, project=settings.SITE_NAME, fuzzy=False)
    with PO.open("rb") as file:
        return read_po(file, locale=LOCALE)


def update() -> Catalog:
    """The catalogue brought up to the sources: translations kept, new strings empty, vanished ones dropped."""
    catalogue = read_catalogue()
    catalogue.update(extract_messages(), no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    catalogue.creation_date = catalogue.revision_date = _EPOCH
    _sign(catalogue)
    return catalogue


def _sign(catalogue: Catalog) -> None:
    """Say what the file is in place of Babel's blanks."""
    catalogue.header_comment = f"# {settings.SITE_NAME} in simplified Chinese. Kept by `manage.py messages`."
    catalogue.version, catalogue.language_team = LOCALE, LOCALE
    catalogue.last_translator = catalogue.msgid_bugs_address = ""


def save(catalogue: Catalog) -> None:
    """Write the `.po` and the `.mo`."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with PO.open("wb") as file:
        write_po(file, catalogue, width=110, sort_output=True, include_lineno=False)
    MO.write_bytes(compiled(catalogue))


def compiled(catalogue: Catalog) -> bytes:
    """The bytes of the `.mo`."""
    target = BytesIO()
    write_mo(target, catalogue)
    return target.getvalue()


def untranslated(catalogue: Catalog) -> list[Message]:
    """Messages with an empty or uncertain translation."""
    return [message for message in catalogue if message.id and (message.fuzzy or not _is_complete(message))]


def _is_complete(message: Message) -> bool:
    texts = message.string if isinstance(message.string, (tuple, list)) else (message.string,)
    return bool(texts) and all(texts)


def _sources() -> Iterator[Path]:
    templates = settings.BASE_DIR / "templates"
    yield from sorted(path for path in templates.rglob("*") if path.suffix in (".html", ".txt"))
    for app in _APPS:
        yield from sorted(path for path in (settings.BASE_DIR / app).rglob("*.py") if "migrations" not in path.parts)


def _python_of(path: Path) -> bytes:
    """Python for the extractor; Django turns a template into calls of gettext between blanked-out text."""
    source = path.read_text()
    if path.suffix != ".py":
        # Indentation left from the markup would be a syntax error to the tokenizer.
        source = "\n".join(line.strip() for line in templatize(source, origin=str(path)).splitlines())
    return source.encode()
