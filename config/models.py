"""What the operator writes on the site itself: texts of pages, and announcements."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _


class Bilingual(models.Model):
    """A text in English and, where the operator wrote one, in Chinese."""

    text = models.TextField(_("text"), max_length=20_000)
    text_zh = models.TextField(_("text in Chinese"), max_length=20_000, blank=True, help_text=_("Empty: as above."))
    changed_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        abstract = True

    @property
    def local_text(self) -> str:
        """The text in the reader's language."""
        chinese = (get_language() or "").startswith("zh")
        return (chinese and self.text_zh) or self.text


class SiteText(Bilingual):
    """What a page says in place of its default. Plain paragraphs; a blank line begins a new one."""

    class Page(models.TextChoices):
        ABOUT = "about", _("About")

    page = models.CharField(_("page"), max_length=20, choices=Page.choices, unique=True)

    class Meta:
        verbose_name = _("page text")
        verbose_name_plural = _("page texts")

    def __str__(self) -> str:
        return self.get_page_display()


class Announcement(Bilingual):
    """A line above every page, from a moment until another; each visitor can put it away."""

    class Tone(models.TextChoices):
        INFO = "info", _("Information")
        GOOD = "good", _("Good news")
        WARN = "warn", _("Warning")
        BAD = "bad", _("Trouble")

    tone = models.CharField(_("tone"), max_length=4, choices=Tone.choices, default=Tone.INFO)
    shown_from = models.DateTimeField(_("from"), default=timezone.now)
    shown_until = models.DateTimeField(_("until"), null=True, blank=True, help_text=_("Empty: until it is deleted."))

    class Meta:
        verbose_name = _("announcement")
        verbose_name_plural = _("announcements")
        ordering = ["-shown_from", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(shown_until=None) | Q(shown_until__gt=models.F("shown_from")),
                name="announcement_ends_after_it_begins",
                violation_error_message=_("It has to end after it begins."),
            )
        ]

    def __str__(self) -> str:
        return self.text[:60]

    @property
    def mark(self) -> str:
        """What a visitor's cookie remembers: after a change of the text the announcement is a new one."""
        return f"{self.pk}-{int(self.changed_at.timestamp())}"
