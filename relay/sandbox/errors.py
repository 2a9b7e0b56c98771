"""Refusals in OpenAI's error shape."""

from typing import Any


class Refusal(Exception):
    """An answer with an error status instead of a completion."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}
        self.body: dict[str, Any] = {"error": {"message": message, "type": type, "param": param, "code": code}}


class BadRequest(Refusal):
    """400: the request cannot be understood; `param` is the path of the field at fault."""

    def __init__(self, message: str, param: str | None = None, code: str = "invalid_request") -> None:
        super().__init__(400, message, code=code, param=param)
