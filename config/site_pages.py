"""Pages about the site itself."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.views.decorators.http import require_safe

from config.models import SiteText


@require_safe
def about(request: HttpRequest) -> HttpResponse:
    """What the operator says of themselves, or what is true of every installation."""
    written = SiteText.objects.filter(page=SiteText.Page.ABOUT).first()
    return render(request, "about.html", {"text": written.local_text if written else ""})


@require_safe
def favicon(request: HttpRequest) -> HttpResponse:
    """For those who ask for the old address without having read the page."""
    return redirect(static("img/logo.svg"))
