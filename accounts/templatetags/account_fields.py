"""Filters for the forms of django-allauth."""

from django import template
from django.forms import BoundField
from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def without_placeholder(field: BoundField) -> SafeString:
    """The widget without its placeholder: allauth repeats the label there, and every field here has a visible label."""
    return field.as_widget(attrs={"placeholder": ""})


@register.filter
def is_check(field: BoundField) -> bool:
    """Whether the label stands behind the control."""
    return field.widget_type == "checkbox"
