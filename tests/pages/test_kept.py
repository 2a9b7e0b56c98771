"""What templates keep for many visitors: one rendering for each language and choice of values; pages fill the gaps."""

import pytest
from django.template import Context, Template, TemplateSyntaxError
from django.utils import translation

from config.templatetags import kept


def shown(template, **values):
    return template.render(Context(values))


def test_the_same_values_are_rendered_once():
    template = Template("{% kept place=place %}{{ place }} {% now 'H:i:s.u' %}{% endkept %}")
    first, other, again = (shown(template, place=place) for place in "xyx")
    assert first == again
    assert other.startswith("y ")


def test_nothing_of_the_page_can_be_kept_that_is_not_named():
    template = Template("{% kept place=place %}{{ place }}{{ secret }}{% csrf_token %}{% endkept %}")
    assert shown(template, place="x", secret="alice's", csrf_token="alice's") == "x"


def test_each_page_fills_the_gaps_itself():
    template = Template(
        "{% kept %}<b>{% fresh %}{{ name }}{% endfresh %}</b>{% fresh %}{{ name }}{% endfresh %}{% endkept %}"
    )
    assert [shown(template, name=name) for name in ("alice", "<bob>")] == [
        "<b>alice</b>alice",
        "<b>&lt;bob&gt;</b>&lt;bob&gt;",
    ]


def test_what_is_kept_in_a_gap_or_within_has_gaps_of_its_own():
    inner = "{% kept %}[{% fresh %}{{ name }}{% endfresh %}]{% endkept %}"
    in_gap = Template("{% kept %}({% fresh %}{% if name %}" + inner + "{% endif %}{% endfresh %}){% endkept %}")
    within = Template("{% kept %}(" + inner + "){% endkept %}")
    for template in (in_gap, within):
        assert [shown(template, name=name) for name in ("alice", "bob")] == ["([alice])", "([bob])"]


def test_a_gap_that_nothing_keeps_is_no_gap():
    assert shown(Template("{% fresh %}{{ name }}{% endfresh %}"), name="alice") == "alice"


def test_each_language_has_its_own():
    template = Template("{% load i18n %}{% kept %}{% translate 'Pricing' %}{% endkept %}")
    in_english = shown(template)
    with translation.override("zh-hans"):
        assert shown(template) != in_english
    assert shown(template) == in_english == "Pricing"


def test_ever_new_values_do_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(kept, "LIMIT", 3)
    template = Template("{% kept place=place %}{{ place }}{% endkept %}")
    assert [shown(template, place=place) for place in range(10)] == [str(place) for place in range(10)]
    assert len(template.nodelist[0]._renderings) <= 3


def test_it_takes_nothing_but_named_values():
    with pytest.raises(TemplateSyntaxError):
        Template("{% kept place %}{% endkept %}")
