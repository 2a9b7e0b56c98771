"""What a failure looks like."""


def refused(answer, status, code, *fields):
    """The envelope of a failure, exactly; `fields` are those complained about. Returns the sentence."""
    got, body = answer
    assert (got, set(body), body["ok"]) == (status, {"ok", "error"}, False), body
    error = body["error"]
    assert set(error) == {"code", "message"} | ({"details"} if fields else set()), error
    assert error["code"] == code
    assert isinstance(error["message"], str)
    assert error["message"]
    if fields:
        assert set(error["details"]) == set(fields)
        assert all(isinstance(said, list) and said for said in error["details"].values())
    return error["message"]
