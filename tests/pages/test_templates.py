"""Rules of the house for templates, scripts and styles, read from the files."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.template.loader import get_template

TEMPLATES = settings.BASE_DIR / "templates"
STATIC = settings.BASE_DIR / "static"
FILES = sorted(path for path in TEMPLATES.rglob("*") if path.suffix in (".html", ".txt"))
PAGES = [path for path in FILES if path.suffix == ".html"]

# What the policy `default-src 'self'` would refuse, silently, in the visitor's browser.
INLINE = {
    "style attribute": re.compile(r"<[^>{}]*\sstyle\s*="),
    "style element": re.compile(r"<style\b"),
    "event handler": re.compile(r"<[^>]*\son[a-z]+\s*="),
    "script without src": re.compile(r"<script\b(?![^>]*\bsrc=)"),
    "evaluated htmx attribute": re.compile(r"\shx-on\b|hx-(?:vals|headers)=[\"']js:"),
    "javascript address": re.compile(r"=\s*[\"']\s*javascript:", re.IGNORECASE),
}


def name_of(path: Path) -> str:
    return path.relative_to(settings.BASE_DIR).as_posix()


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_no_template_holds_what_the_content_policy_refuses(path):
    source = path.read_text()
    found = [what for what, pattern in INLINE.items() if pattern.search(source)]
    assert not found


@pytest.mark.parametrize(
    ("what", "markup"),
    [
        ("style attribute", '<p style="color: red">'),
        ("event handler", '<button onclick="go()">'),
        ("script without src", "<script>go()</script>"),
        ("evaluated htmx attribute", '<a hx-on:click="go()">'),
        ("javascript address", '<a href="javascript:go()">'),
    ],
)
def test_the_rule_sees_what_it_is_for(what, markup):
    assert INLINE[what].search(markup)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_every_template_compiles(path):
    get_template(path.relative_to(TEMPLATES).as_posix())


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_component_and_icon_exists(path):
    source = path.read_text()
    components = set(re.findall(r"<c-([a-z-]+)", source)) - {"vars", "slot"}
    icons = set(re.findall(r"""\{% icon ["']([a-z0-9-]+)["']""", source))
    icons |= set(re.findall(r"""<c-[a-z-]+ [^>]*\bicon(?:_end)?=["']([a-z0-9-]+)["']""", source))
    assert not [name for name in components if not (TEMPLATES / f"components/{name.replace('-', '_')}.html").exists()]
    assert not icons - sprite_icons()


def sprite_icons() -> set[str]:
    return set(re.findall(r'<symbol id="([a-z0-9-]+)"', (STATIC / "img/icons.svg").read_text()))


def test_every_component_is_in_the_guide():
    guide = (TEMPLATES / "components/README.md").read_text()
    shell = {
        "account-menu",
        "announcements",
        "brand",
        "language-menu",
        "public-side",
        "side-bar",
        "side-link",
        "site-foot",
        "site-links",
    }
    shell |= {"theme-menu", "toast", "toasts", "top-bar"}
    names = {path.stem.replace("_", "-") for path in (TEMPLATES / "components").glob("*.html")}
    assert not [name for name in names - shell if f"`{name}`" not in guide]


def test_scripts_and_styles_fetch_from_our_own_address_only():
    files = [*STATIC.rglob("*.css"), *(STATIC / "js").glob("*.js"), *PAGES]
    outside = re.compile(r"""(?:src|href|url|import|fetch)\s*[=(]?\s*["'(]+\s*(?:https?:)?//""")
    assert not [name_of(path) for path in files if outside.search(path.read_text())]


def test_vendored_scripts_name_no_source_map():
    # A `sourceMappingURL` to a file that is not here stops `collectstatic`.
    assert not [path.name for path in (STATIC / "vendor").glob("*.js") if "sourceMappingURL" in path.read_text()]
