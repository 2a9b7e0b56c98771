"""Why nothing was sent. The texts are for the operator: they name hosts and addresses, so no customer may see them.

EgressError
├── AddressRefused     the host leads to where nothing may be sent
└── NameUnresolved     the host's name is unknown, or its name server is silent

They are no OSError on purpose: both HTTP libraries wrap those in errors of their own, and let these pass as they are.
"""


class EgressError(Exception):
    """Nothing was sent; the text says why and, where there is one, what to do."""


class AddressRefused(EgressError):
    """Every address of the host is refused."""


class NameUnresolved(EgressError):
    """The host's name gave no address in time."""
