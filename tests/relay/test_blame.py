"""Whose fault an upstream's refusal is."""

import pytest

from relay.blame import Blame, blame_of


@pytest.mark.parametrize(
    ("status", "error", "blame"),
    [
        (400, {}, Blame.CALLER),
        (404, {}, Blame.CALLER),
        (422, {"code": ["?"]}, Blame.CALLER),
        (400, {"message": "Your credit balance is too low to access the API."}, Blame.KEY),
        (400, {"code": "Arrearage"}, Blame.KEY),
        (401, {}, Blame.KEY),
        (402, {}, Blame.KEY),
        (403, {"message": "Your input was flagged."}, Blame.CHANNEL),
        (403, {"message": "Country, region, or territory not supported"}, Blame.CHANNEL),
        (403, {"message": "This API key was reported as leaked."}, Blame.KEY),
        (403, {"code": "AccountOverdueError"}, Blame.KEY),
        (429, {}, Blame.LIMIT),
        (429, {"code": "insufficient_quota"}, Blame.KEY),
        (429, {"kind": "insufficient_quota"}, Blame.KEY),
        (500, {"code": "insufficient_quota"}, Blame.CHANNEL),
        (503, {}, Blame.CHANNEL),
        (302, {}, Blame.CHANNEL),
        (None, {}, Blame.CHANNEL),
    ],
)
def test_whose_fault(status, error, blame):
    assert blame_of(status, **error) is blame


@pytest.mark.parametrize("status", [400, 403])
def test_a_caller_who_is_quoted_disables_no_key(status):
    quoted = "The value of the field messages[0].content was refused, it holds: credit balance is too low, api key"
    assert blame_of(status, message=quoted) is not Blame.KEY
