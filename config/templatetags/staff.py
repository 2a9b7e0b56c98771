"""What a page of the staff admin has dozens of, written in Python and not by the theme's templates."""

from typing import Any

from django import template
from django.contrib.admin.helpers import Fieldline, InlineAdminFormSet
from django.contrib.admin.views.main import ChangeList
from django.template import Context
from django.utils.safestring import SafeString

from config import staff_forms, staff_lists
from config.staff_button import KNOWN, button
from config.staff_side_bar import Section, menu

register = template.Library()


@register.simple_tag(takes_context=True)
def staff_menu(context: Context, sections: list[Section]) -> SafeString:
    """The lines of the side bar."""
    return menu(sections, context["request"].path)


@register.simple_tag(takes_context=True)
def staff_rows(context: Context, changes: ChangeList) -> SafeString:
    """The table of a list."""
    return staff_lists.table(context, changes)


@register.simple_tag(takes_context=True)
def staff_line(context: Context, line: Fieldline) -> SafeString:
    """A row of a form."""
    return staff_forms.row(
        line,
        is_compressed=context["adminform"].model_admin.compressed_fields,
        is_last=context["forloop"]["last"],
    )


@register.simple_tag(takes_context=True)
def staff_inline(context: Context, formset: InlineAdminFormSet) -> SafeString:
    """A table of related objects."""
    values: Any = context.flatten()
    return staff_forms.inline(values, formset)


@register.simple_tag(takes_context=True)
def staff_button(context: Context) -> SafeString:
    """The theme's component of that name."""
    return button({name: context.get(name) for name in KNOWN})
