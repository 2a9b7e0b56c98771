"""The one door to the outside: every request that the product sends to a channel or a gateway leaves through here.

`client` opens the relay's asynchronous client, `session` a blocking session of `requests`. Both dial only addresses
that `guard` has let pass, follow no redirect, keep no cookie, use no proxy of the environment, and check certificates.
"""
