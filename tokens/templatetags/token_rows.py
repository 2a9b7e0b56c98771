"""The rows of the list of tokens, fifty to a page: in template language each took two milliseconds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from django import template
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from config.templatetags.display import fullness, icon, moment, usd_short
from tokens.models import Token

register = template.Library()

_TONES: Final = {
    Token.Status.ENABLED: "good",
    Token.Status.DISABLED: "neutral",
    Token.Status.EXPIRED: "warn",
    Token.Status.EXHAUSTED: "bad",
}


@register.simple_tag
def token_rows(tokens: Iterable[Token]) -> SafeString:
    """Rows of a table whose heads they repeat, for phones. Buttons belong to the form `single`, boxes to `selected`."""
    common = _Common.now()
    return mark_safe("".join([_row(token, common) for token in tokens]))  # noqa: S308


@dataclass(frozen=True, slots=True)
class _Common:
    """What the rows share, in the reader's language: looked up once, not in each of fifty."""

    labels: list[str]
    reveal: str
    disable: str
    enable: str
    delete: str

    @classmethod
    def now(cls) -> "_Common":
        heads = [_("Status"), _("Group"), _("Key"), _("Available models"), _("IP restriction")]
        heads += [_("Created"), _("Last used"), _("Expires")]
        addresses = [reverse(f"tokens-{act}") for act in ("reveal", "disable", "enable", "delete")]
        return cls([f'data-label="{escape(head)}"' for head in heads], *addresses)


def _row(token: Token, common: _Common) -> str:
    status, group, key, models, networks, created, used, expires = common.labels
    name, edit = escape(token.name), reverse("token-edit", args=[token.public_id])
    select, never = escape(_("Select %(name)s") % {"name": token.name}), _("Never")
    return (
        f'<tr><td class="shrink"><input type="checkbox" form="selected" name="token" value="{token.public_id}" '
        f'aria-label="{select}"></td>'
        f'<th scope="row" class="token-name"><a href="{edit}" title="{name}">{name}</a></th>'
        f'<td {status}><div class="token-status">{_badge(token)}{_quota(token)}</div></td>'
        f'<td {group}><div class="token-group"><span class="break">{escape(token.group.code)}</span> '
        f'<span class="badge badge-neutral">{escape(token.group.ratio_label)}</span></div></td>'
        f"<td {key}>{_key(token, common)}</td>"
        f"<td {models}>{_limits(token.models_allowed)}</td>"
        f"<td {networks}>{_limits(token.ips_allowed)}</td>"
        f'<td {created} class="token-time">{moment(token.created_at)}</td>'
        f'<td {used} class="token-time">{moment(token.last_used_at, never)}</td>'
        f'<td {expires} class="token-time">{moment(token.expires_at, never)}</td>'
        f'<td class="shrink token-actions"><div class="row-actions">{_actions(token, edit, common)}</div></td></tr>'
    )


def _badge(token: Token) -> str:
    status = token.status
    return f'<span class="badge badge-{_TONES[status]} badge-dot">{escape(str(status.label))}</span>'


def _quota(token: Token) -> str:
    unlimited, label = escape(_("Unlimited quota")), escape(_("Quota used"))
    if token.quota is None:
        return f'<span class="faint small nowrap">{unlimited}</span>'
    tone = fullness(token.used, token.quota)
    return (
        f'<div class="quota-bar"><span><strong>{usd_short(token.used)}</strong> '
        f'<span class="faint">/ {usd_short(token.quota)}</span></span>'
        f'<progress class="progress{f" progress-{tone}" if tone else ""}" value="{token.used}" max="{token.quota}" '
        f'aria-label="{label}"></progress></div>'
    )


def _key(token: Token, common: _Common) -> str:
    before = ""
    if token.is_key_before_usable:
        address, says = reverse("token-former-key", args=[token.public_id]), escape(_("Old key still works"))
        before = f'<div><a class="small nowrap" href="{address}">{says}</a></div>'
    return (
        f'<span class="cluster cluster-tight nowrap"><span class="chip">{escape(token.masked_key)}</span>'
        f"{_copy(token, common.reveal) if token.key_sealed else ''}</span>{before}"
    )


def _copy(token: Token, reveal: str) -> str:
    label, title = escape(_("Copy the key of %(name)s") % {"name": token.name}), escape(_("Copy the key"))
    done, failed = escape(_("Copied to clipboard!")), escape(_("Could not copy. Select the text and copy it by hand."))
    return (
        f'<button type="submit" form="single" formaction="{reveal}" name="token" value="{token.public_id}" '
        f'class="copy button button-icon button-ghost button-sm" data-copy-form '
        f'data-copied="{done}" data-failed="{failed}" aria-label="{label}" '
        f'title="{title}">{icon("copy", "icon-idle")}{icon("check", "icon-done")}</button>'
    )


def _limits(limits: Sequence[str]) -> str:
    if not limits:
        unlimited = escape(_("Unlimited"))
        return f'<span class="faint">{unlimited}</span>'
    more = f' <span class="faint small">+{len(limits) - 1}</span>' if len(limits) > 1 else ""
    return (
        f'<span class="token-limits" title="{escape(", ".join(limits))}">'
        f'<span class="chip truncate">{escape(limits[0])}</span>{more}</span>'
    )


def _actions(token: Token, edit: str, common: _Common) -> str:
    names = {"name": token.name}
    label = escape(_("Edit %(name)s") % names)
    turn = (
        _button(token, common.disable, "power-off", _("Disable %(name)s") % names)
        if token.is_enabled
        else _button(token, common.enable, "power", _("Enable %(name)s") % names)
    )
    asks = f' hx-post="{common.delete}" hx-target="#confirm-body" hx-select="#confirm-form"'
    delete = _button(token, common.delete, "trash-2", _("Delete %(name)s") % names, "danger-quiet", asks)
    return (
        f'<a href="{edit}" class="button button-icon button-ghost button-sm" aria-label="{label}" title="{label}">'
        f"{icon('pencil')}</a>{turn}{delete}"
    )


def _button(token: Token, address: str, sign: str, label: str, variant: str = "ghost", more: str = "") -> str:
    safe = escape(label)
    return (
        f'<button type="submit" class="button button-icon button-{variant} button-sm" aria-label="{safe}" '
        f'title="{safe}" form="single" formaction="{address}" name="token" value="{token.public_id}"{more}>'
        f"{icon(sign)}</button>"
    )
