"""Colours that can be read: the contrast of every text on every surface it may stand on, in each theme and accent,
computed from the custom properties of static/css/tokens.css as WCAG 2.2 has it (1.4.3: 4.5 to 1; 1.4.11: 3 to 1)."""

import re

import pytest
from django.conf import settings

from config.kernel.brands import ACCENTS

SURFACES = ("page", "surface", "surface-raised", "surface-sunken", "surface-hover", "surface-active")
TEXTS = ("ink", "ink-2", "ink-3", "accent", "accent-strong", "good", "bad", "warn", "info")
CODE = ("code-keyword", "code-string", "code-comment", "code-number")
TEXT_PAIRS = {
    *((text, surface) for text in TEXTS for surface in SURFACES),
    *((text, "surface-sunken") for text in CODE),
    *((text, f"{text}-soft") for text in ("accent", "good", "bad", "warn", "info")),
    *(("ink", f"{tone}-soft") for tone in ("accent", "good", "bad", "warn", "info")),
    *(("ink-2", f"{tone}-soft") for tone in ("accent", "good", "bad", "warn", "info")),
    *(("on-accent", surface) for surface in ("accent", "accent-strong")),
    *(("white", surface) for surface in ("brand", "bad-solid")),
}
LINE_PAIRS = {(line, surface) for line in ("focus", "control-line") for surface in SURFACES[:4]}
BLOCK = re.compile(r'(?::root|\[data-accent="(\w+)"\]) \{(.*?)\}', re.DOTALL)
COLOUR = re.compile(r"--([a-z0-9-]+): (?:light-dark\((#\w{6}), (#\w{6})\)|(#\w{6}));")


def colours_of(accent, theme):
    """Colours by name, as a page of this accent has them."""
    found = {"white": "#ffffff"}
    for name, block in BLOCK.findall((settings.BASE_DIR / "static/css/tokens.css").read_text()):
        if name in ("", accent):
            for token, light, dark, both in COLOUR.findall(block):
                found[token] = both or (light if theme == "light" else dark)
    return found


def luminance(colour):
    channels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def too_weak(colours, pairs, least):
    return {pair: round(ratio, 2) for pair in pairs if (ratio := contrast(*(colours[name] for name in pair))) < least}


def test_the_formula_is_the_standards():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


def test_every_accent_has_all_its_colours_in_the_style_sheet():
    for accent in filter(None, ACCENTS):
        for theme in ("light", "dark"):
            assert colours_of(accent, theme)["accent"] != colours_of("", theme)["accent"]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("accent", ACCENTS)
def test_texts_can_be_read_and_controls_be_seen(accent, theme):
    colours = colours_of(accent, theme)
    assert too_weak(colours, TEXT_PAIRS, 4.5) == {}
    assert too_weak(colours, LINE_PAIRS, 3) == {}
