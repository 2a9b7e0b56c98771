"""Which models can be called, for pages of apps that may not know channels."""

from django import template

from accounts.models import User
from relay.selectors import callable_by_group, callable_models, showcase
from tokens.models import Token
from tokens.selectors import groups_open_to

register = template.Library()

PLACEHOLDER = "MODEL"


@register.simple_tag
def sample_model(token: Token) -> str:
    """A model this token can call now, for code samples; a placeholder where there is none."""
    offers = callable_models(token.group, among=groups_open_to(token.user_id))
    allowed = [offer for offer in offers if not token.models_allowed or offer.model in token.models_allowed]
    chosen = showcase(allowed) or next(iter(allowed), None)
    return chosen.model if chosen else PLACEHOLDER


@register.simple_tag
def model_for(user: User) -> str:
    """A model that a new token of this user can call now; a placeholder where there is none."""
    offers = callable_by_group(groups_open_to(user), own={}).values()
    chosen = showcase([offer for offered in offers for offer in offered])
    return chosen.model if chosen else PLACEHOLDER


@register.simple_tag
def models_on_offer(user: User) -> list[str]:
    """Every model the user can call in any of their groups, by name."""
    groups = [group for group in groups_open_to(user) if not group.is_auto]
    return sorted({offer.model for offers in callable_by_group(groups, own={}).values() for offer in offers})
