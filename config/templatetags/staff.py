"""What a page of the staff admin has dozens of, written in Python and not by the theme's templates."""

from django import template
from django.contrib.admin.views.main import ChangeList
from django.template import Context
from django.utils.safestring import SafeString

from config import staff_lists
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
