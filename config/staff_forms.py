"""The rows of staff forms: the theme's templates render a blank one, and each real row fills its gaps.

The theme's own way renders a dozen templates for each field and asks four times for what stands in a field that cannot
be edited. Its conditions for showing a field and its files that cannot be edited are not known here.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from types import SimpleNamespace
from typing import Any

from django.contrib.admin.helpers import Fieldline, InlineAdminForm, InlineAdminFormSet
from django.template.defaultfilters import linebreaksbr
from django.template.loader import render_to_string
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from unfold.templatetags.unfold import add_css_class, fieldset_line_classes, fieldset_row_classes
from unfold.utils import display_for_value

PAIRED = "\x00"


class Gap(SafeString):
    """Stands in a blank where a value comes, and can carry what a template asks of that value."""

    def __new__(cls, gap_name: str, /, **known: Any) -> "Gap":
        gap = super().__new__(cls, f"{PAIRED}{gap_name}{PAIRED}")
        vars(gap).update(known)
        return gap


def as_format(html: str) -> str:
    """A blank as a format string: `{name}` for each gap, white space where it says nothing left out."""
    pieces = " ".join(html.split()).replace("{", "{{").replace("}", "}}").split(PAIRED)
    return "".join(f"{{{piece}}}" if number % 2 else piece for number, piece in enumerate(pieces))


def shown(field: Any) -> Any:
    """What stands in a field of a form, a widget or a value."""
    if not field.is_readonly:
        return field.field
    contents = _contents(field)
    return contents if contents and contents != "None" else "-"


def _contents(field: Any) -> Any:
    """As the theme shows it, but what is computed is not computed once more: it has been looked up already."""
    looked_up: tuple[Any, Any, Any] = field.resolved_field or (None, None, None)
    stored, computed_by, value = looked_up
    if computed_by is None or stored is not None or field.model_admin.readonly_preprocess_fields:
        return field.contents()
    if getattr(computed_by, "boolean", False):
        return display_for_value(value, "", boolean=True)
    return value if hasattr(value, "__html__") else linebreaksbr(value)


def _said(field: Any, name: str) -> Any:
    return field.field[name] if field.is_readonly else getattr(field.field, name)


# ── Rows of fields ───────────────────────────────────────────────────────────


def row(line: Fieldline, *, is_compressed: bool, is_last: bool) -> SafeString:
    """One field, or some beside one another."""
    classes = _row_classes(len(line.fields), is_visible=line.has_visible_field)
    inside = "".join(_field(field, is_compressed=is_compressed) for field in line)
    return SafeString(f'<div class="{classes}{" last" if is_last else ""}">{inside}</div>')


@cache
def _row_classes(count: int, *, is_visible: bool) -> str:
    class Line(list[None]):
        fields = range(count)
        has_visible_field = is_visible

    return str(fieldset_row_classes({"line": Line([None])}))


def _field(field: Any, *, is_compressed: bool) -> str:
    help_text = _said(field, "help_text")
    errors = "" if field.is_readonly or not field.field.errors else field.errors()
    blank = _blank_field(
        "" if field.is_readonly else field.field.name,
        is_compressed=is_compressed,
        is_checkbox=field.is_checkbox,
        is_readonly=field.is_readonly,
        is_json=bool(field.is_readonly and field.is_json),
        has_help=bool(help_text),
        has_errors=bool(errors),
    )
    return blank.format(label=field.label_tag(), value=conditional_escape(shown(field)), help=help_text, errors=errors)


@cache
def _blank_field(
    name: str, *, is_compressed: bool, is_checkbox: bool, has_help: bool, has_errors: bool, **kind: bool
) -> str:
    named = {"name": name} if name else {}
    field = SimpleNamespace(
        field=Gap("value", help_text=Gap("help") if has_help else "", **named),
        label_tag=Gap("label"),
        contents=Gap("value"),
        errors=lambda: Gap("errors") if has_errors else "",
        is_checkbox=is_checkbox,
        is_file=False,
        **kind,
    )
    form = SimpleNamespace(model_admin=SimpleNamespace(compressed_fields=is_compressed))
    template = "fieldset_row_checkbox" if is_checkbox else "fieldset_row_field"
    inside = render_to_string(f"unfold/helpers/{template}.html", {"field": field, "adminform": form})
    return as_format(f'<div class="{fieldset_line_classes({"field": field, "adminform": form})}">{inside}</div>')


# ── Rows of related objects ──────────────────────────────────────────────────


def inline(context: Mapping[str, Any], formset: InlineAdminFormSet) -> SafeString:
    """A table of related objects, each a row of inputs. With errors, or links to the objects, it is all the theme's."""
    forms = list(formset)
    if any(formset.formset.errors) or formset.opts.show_change_link or any(form.show_url for form in forms):
        return _table(context, formset)
    bare = _table(context, _Shown(formset, [_BlankForm(form, cells=()) for form in forms[:1]]))
    before, _tag, after = bare.partition("<tbody")
    rows = (
        _blank_row(formset, form, to_come=min(len(forms) - number, 3)).format(**_values(form))
        for number, form in enumerate(forms)
    )
    return SafeString("".join([before, *rows, after.partition("</tbody>")[2]]))


def _table(context: Mapping[str, Any], formset: Any) -> SafeString:
    return render_to_string("admin/edit_inline/tabular.html", {**context, "inline_admin_formset": formset})


class _Shown:
    """A formset that goes through other forms than its own."""

    def __init__(self, formset: InlineAdminFormSet, forms: Sequence[Any]) -> None:
        self.formset_of_all, self.shown_forms = formset, forms

    def __getattr__(self, name: str) -> Any:
        return getattr(self.formset_of_all, name)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.shown_forms)


def _cells(form: InlineAdminForm) -> Iterator[Any]:
    return (field for fieldset in form for line in fieldset for field in line)


def _values(form: InlineAdminForm) -> dict[str, Any]:
    """What fills the gaps of a blank row."""
    values = {f"cell{number}": shown(field) for number, field in enumerate(_cells(form))}
    if form.original:
        values |= {"title": form.original, "pk": form.pk_field().field}
    if form.original and form.fk_field():
        values["fk"] = form.fk_field().field
    if form.original and form.formset.can_delete:
        box = form.deletion_field().field
        values |= {"delete": add_css_class(box, "delete"), "delete_id": box.id_for_label}
    return {name: conditional_escape(value) for name, value in values.items()}


_blank_rows: dict[tuple[Any, ...], str] = {}


def _blank_row(formset: InlineAdminFormSet, like: InlineAdminForm, *, to_come: int) -> str:
    """A row, rendered once for each language, kind and right of the reader. New ones are copied from the last."""
    may = (formset.has_add_permission, formset.has_change_permission, formset.has_delete_permission)
    key = (type(formset.opts), get_language(), bool(like.original), to_come, *may, *formset.readonly_fields)
    if key not in _blank_rows:
        context = {
            "inline_admin_formset": formset,
            "inline_admin_form": _BlankForm(like, cells=tuple(_cells(like))),
            "forloop": {"revcounter": to_come, "last": to_come == 1},
        }
        _blank_rows[key] = as_format(render_to_string("unfold/helpers/edit_inline/tabular_group.html", context))
    return _blank_rows[key]


class _BlankForm:
    """Like another one, with gaps."""

    show_url = False
    absolute_url = None
    errors = ""
    form = SimpleNamespace(non_field_errors="", nested_formsets=None)
    pk_field = SimpleNamespace(field=Gap("pk"))

    def __init__(self, like: InlineAdminForm, *, cells: Sequence[Any]) -> None:
        self.formset, self.model_admin = like.formset, like.model_admin
        self.original = Gap("title") if like.original else None
        self.needs_explicit_pk_field = like.needs_explicit_pk_field()
        self.fk_field = SimpleNamespace(field=Gap("fk")) if like.fk_field() else ""
        box = SimpleNamespace(widget=SimpleNamespace(attrs={}))
        self.deletion_field = SimpleNamespace(field=Gap("delete", id_for_label=Gap("delete_id"), field=box))
        self.fields = [_blank_cell(number, field) for number, field in enumerate(cells)]

    def __iter__(self) -> Iterator[list[list[SimpleNamespace]]]:
        yield [self.fields]


def _blank_cell(number: int, field: Any) -> SimpleNamespace:
    known = {name: _said(field, name) for name in ("name", "label", "is_hidden")}
    cell = Gap(f"cell{number}", errors=[], **known)
    is_json = bool(field.is_readonly and field.is_json)
    return SimpleNamespace(field=cell, contents=cell, is_readonly=field.is_readonly, is_file=False, is_json=is_json)
