# SPDX-License-Identifier: Apache-2.0
"""A request's way in and out: typed query parameters, one answer type, errors handled in one place."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message
from tensorboard import errors
from tensorboard.backend import http_util
from werkzeug import wrappers

from tb_xai_plugin.format.errors import SchemaError, UnknownNameError

PROTOBUF = "application/octet-stream"
JSON = "application/json"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """What a route answers: bytes or a JSON object, its type, and how long a browser may keep it."""

    content: bytes | dict[str, Any]
    content_type: str = JSON
    expires_s: int = 0


def message_answer(message: Message) -> Answer:
    """A message of schema.proto as an answer."""
    return Answer(message.SerializeToString(), PROTOBUF)


def route(handler: Callable[[wrappers.Request], Answer]) -> Callable[..., Any]:
    """A WSGI application that answers GET by `handler`, and an error by its code and a sentence.

    An error nobody foresaw is logged and becomes 500: it may not reach TensorBoard.
    """

    @wrappers.Request.application
    @functools.wraps(handler)
    def application(request: wrappers.Request) -> Any:
        if request.method != "GET":
            return _refuse(request, 405, "only GET is answered here", [("Allow", "GET")])
        try:
            answer = handler(request)
            return http_util.Respond(request, answer.content, answer.content_type, expires=answer.expires_s)
        except UnknownNameError as error:
            return _refuse(request, 404, str(errors.NotFoundError(str(error))))
        except SchemaError as error:
            return _refuse(request, 400, str(errors.InvalidArgumentError(str(error))))
        except errors.PublicError as error:
            return _refuse(request, error.http_code, str(error), error.headers)
        except Exception as error:  # noqa: BLE001 - see above
            _log.exception("xai: %s failed", request.path)
            return _refuse(
                request, 500, f"the Explain tab failed: {type(error).__name__}; TensorBoard's log says more"
            )

    return application


def _refuse(
    request: wrappers.Request, code: int, sentence: str, headers: list[tuple[str, str]] | None = None
) -> Any:
    return http_util.Respond(request, sentence, "text/plain", code=code, headers=headers or [])


def text(request: wrappers.Request, name: str) -> str:
    """A required parameter.

    Raises:
        errors.InvalidArgumentError: if it is missing or empty.
    """
    value = request.args.get(name, "")
    if not value:
        raise errors.InvalidArgumentError(f"parameter {name!r} is missing")
    return value


def whole(request: wrappers.Request, name: str, default: int, low: int, high: int) -> int:
    """A whole number between `low` and `high`; `default` where the parameter is not given.

    Raises:
        errors.InvalidArgumentError: if it is no such number.
    """
    given = request.args.get(name)
    if given is None:
        return default
    # isdecimal refuses what int() lets pass: '+1', '1_000', ' 1'.
    if not (given.isascii() and given.isdecimal() and len(given) < 20 and low <= int(given) <= high):
        raise errors.InvalidArgumentError(
            f"parameter {name!r}: expected a whole number from {low} to {high}, got {given!r}"
        )
    return int(given)
