"""Whom we believe to be who they say: the machine's certificate authorities, and the operator's own."""

import ssl
from functools import lru_cache

from django.conf import settings


def tls_context() -> ssl.SSLContext:
    """Checks certificate and host name, always. The relay and the channel test trust the same authorities."""
    return _tls_context(settings.EGRESS_CA_FILE)


@lru_cache
def _tls_context(ca_file: str) -> ssl.SSLContext:
    context = ssl.create_default_context()  # loading it takes some 20 ms: once for each process
    if ca_file:
        context.load_verify_locations(cafile=ca_file)
    return context


def certificate_fault(error: object) -> str:
    """What OpenSSL has against a certificate ("certificate has expired"), however deeply a library wrapped it."""
    while isinstance(error, Exception):
        if fault := getattr(error, "verify_message", ""):
            return str(fault)
        wrapped = (getattr(error, "certificate_error", None), getattr(error, "reason", None), *error.args)
        error = next((inner for inner in wrapped if isinstance(inner, Exception)), None)
    return ""
