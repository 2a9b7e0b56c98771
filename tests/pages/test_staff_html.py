"""What the staff admin writes in Python is what its theme's templates would draw."""

from pathlib import Path

import pytest
import unfold
from django.forms.renderers import DjangoTemplates
from django.template import Context, engines
from django.template.loader import render_to_string
from django.test.html import parse_html
from django.urls import reverse
from unfold.templatetags import unfold_list

from config import staff_forms, staff_lists
from config.form_renderer import WRITERS, Renderer
from config.staff_button import button
from relay.models import ChannelKey, ChannelModel
from tests.pages.admin_rows import list_url, make_rows, page_url, registered_names

TEMPLATES = Path(unfold.__file__).parent / "templates" / "unfold"
FORMS = ("accounts_user", "relay_channel", "orders_coupon", "orders_order", "tokens_group")


@pytest.fixture
def rows(alice):
    found = make_rows(alice)
    for number in range(3):
        ChannelModel.objects.create(channel=found.relay_channel, model=f"m{number}", upstream_model="<&>")
        ChannelKey.objects.create(channel=found.relay_channel, label=f"{{k{number}}}")
    return found


@pytest.fixture
def staff(carol, client_of):
    return client_of(carol)


def shown(staff, url):
    """What a page was made of."""
    answer = staff.get(url)
    return {**answer.context_data, "request": answer.wsgi_request}


def test_each_list_has_the_themes_table(staff, rows):
    for url in [*map(list_url, registered_names()), list_url("accounts_user", "?o=-2&is_staff__exact=1")]:
        context = shown(staff, url)
        theirs = render_to_string("admin/change_list_results.html", unfold_list.result_list(context, context["cl"]))
        ours = staff_lists.table(Context(context), context["cl"])
        assert parse_html(ours) == parse_html(theirs), url


@pytest.mark.parametrize("name", FORMS)
def test_rows_of_forms_are_the_themes(name, staff, rows):
    context = shown(staff, page_url(name, rows.by_name[name]))
    template = engines["django"].from_string((TEMPLATES / "helpers" / "fieldset_row.html").read_text())
    for fieldset in context["adminform"]:
        for line in fieldset:
            theirs = template.render({**context, "line": line, "forloop": {"last": True}})
            ours = staff_forms.row(line, is_compressed=True, is_last=True)
            assert parse_html(ours) == parse_html(theirs), line.fields


@pytest.mark.parametrize("name", FORMS)
def test_tables_of_related_objects_are_the_themes(name, staff, rows):
    check_tables(staff, page_url(name, rows.by_name[name]))


def test_tables_for_a_new_object_are_the_themes(staff):
    check_tables(staff, reverse("admin:relay_channel_add"))


def check_tables(staff, url):
    context, other = shown(staff, url), shown(staff, url)  # of its own: drawing adds classes to widgets
    for formset, same in zip(context["inline_admin_formsets"], other["inline_admin_formsets"], strict=True):
        theirs = render_to_string("admin/edit_inline/tabular.html", {**other, "inline_admin_formset": same})
        assert parse_html(staff_forms.inline(context, formset)) == parse_html(theirs), formset.formset.prefix


def test_a_related_object_that_cannot_be_saved_says_why(staff, rows):
    channel = rows.relay_channel
    page = page_url("relay_channel", channel)
    answer = staff.get(page)
    values = {}
    for form in (
        answer.context_data["adminform"].form,
        *(each.formset for each in answer.context_data["inline_admin_formsets"]),
    ):
        values |= sent_by(form)
    answer = staff.post(page, values | {"channel_models-0-model": ""})
    html = answer.content.decode()
    assert answer.status_code == 200
    assert 'aria-invalid="true"' in html
    assert html.count('name="channel_models-') > 3 * 5


def sent_by(form):
    forms = [form] if not hasattr(form, "forms") else [form.management_form, *form.forms]
    return {
        bound.html_name: value for each in forms for bound in each if (value := bound.value()) not in (None, "", False)
    }


@pytest.mark.parametrize("name", FORMS)
def test_widgets_are_what_templates_make_of_them(name, staff, rows):
    form = shown(staff, page_url(name, rows.by_name[name]))["adminform"].form
    for field in form:
        ours, theirs = (
            field.field.widget.render(field.html_name, field.value(), {"id": "<x>"}, each())
            for each in (Renderer, DjangoTemplates)
        )
        assert parse_html(ours) == parse_html(theirs), field.name


BUTTONS = (
    {"submit": 1, "form": "channel_form", "name": "_save", "class": "w-full", "children": "Save"},
    {"href": "/admin/?a=1&b=2", "variant": "default", "children": "<Close>", "size": "sm"},
    {"href": "#", "variant": "danger", "icon": "delete", "size": "lg", "title": '"really"'},
    {"variant": "ghost", "size": "xs", "value": "1", "icon": "add"},
    {"variant": "secondary", "size": "md"},
)


@pytest.mark.parametrize("given", BUTTONS)
def test_buttons_are_the_themes(given):
    template = engines["django"].from_string((TEMPLATES / "components" / "button.html").read_text())
    assert parse_html(button(given)) == parse_html(template.render(given))


def test_a_disabled_button_does_not_look_like_one_that_can_be_pressed():
    written = button({"attrs": {"disabled": "disabled"}, "children": "Run"})
    assert 'disabled="disabled"' in written
    assert "cursor-not-allowed" in written
    assert "hover:" not in written


def test_text_of_others_stays_text():
    widget = {
        "name": "n",
        "type": "text",
        "value": '"><script>',
        "attrs": {"title": "<b>", "hidden": True, "list": False},
    }
    written = WRITERS["django/forms/widgets/text.html"]({"widget": widget})
    assert written == '<input type="text" name="n" value="&quot;&gt;&lt;script&gt;" title="&lt;b&gt;" hidden>'


def test_the_side_bar_marks_where_one_is(staff, rows):
    html = staff.get(page_url("relay_channel", rows.relay_channel)).content.decode()
    assert html.count('aria-current="page"') == 1
    assert (
        f'<a href="{reverse("admin:relay_channel_changelist")}" class="'
        in html.split('aria-current="page"')[0].rsplit("<li>", 1)[1]
    )
