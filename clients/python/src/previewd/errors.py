"""The error that every call raises, made from a gRPC status and its `google.rpc` details."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2

_DETAILS_KEY = "grpc-status-details-bin"


@dataclass(frozen=True)
class FieldViolation:
    """One field of a request and what is wrong with it."""

    #: The field, as a path such as `files[3].path`.
    field: str
    #: What is wrong, with the limit where there is one.
    description: str


class PreviewdError(Exception):
    """Says why a call did not do what was asked."""

    #: The gRPC code.
    code: grpc.StatusCode
    #: One sentence for people.
    message: str
    #: A stable word in upper case for programs, such as `STALE_HEAD`; empty where the service sent none.
    reason: str
    #: What belongs to the reason.
    metadata: dict[str, str]
    #: The fields that are wrong, for `INVALID_ARGUMENT`.
    violations: list[FieldViolation]
    #: Seconds to wait before another try, where the service says.
    retry_after: float | None

    def __init__(
        self,
        code: grpc.StatusCode,
        message: str,
        *,
        reason: str = "",
        metadata: dict[str, str] | None = None,
        violations: list[FieldViolation] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.reason = reason
        self.metadata = metadata or {}
        self.violations = violations or []
        self.retry_after = retry_after

    @property
    def head(self) -> str | None:
        """Returns the branch's real head, where the call expected another one."""
        return self.metadata.get("head")

    def __str__(self) -> str:
        text = f"{self.code.name}: {self.message}"
        if self.reason and self.reason != self.code.name:
            text += f" [{self.reason}]"
        return "; ".join([text, *(f"{v.field}: {v.description}" for v in self.violations)])

    @classmethod
    def from_rpc(cls, error: grpc.RpcError) -> PreviewdError:
        """Returns the error that a failed call stands for."""
        code = error.code() if callable(getattr(error, "code", None)) else grpc.StatusCode.UNKNOWN
        message = error.details() if callable(getattr(error, "details", None)) else str(error)
        result = cls(code, message or "")
        for key, value in _trailers(error):
            if key == _DETAILS_KEY:
                result._read_details(value)
        return result

    def _read_details(self, encoded: bytes) -> None:
        for detail in status_pb2.Status.FromString(encoded).details:
            info = error_details_pb2.ErrorInfo()
            bad_request = error_details_pb2.BadRequest()
            retry = error_details_pb2.RetryInfo()
            if detail.Unpack(info):
                self.reason = info.reason
                self.metadata = dict(info.metadata)
            elif detail.Unpack(bad_request):
                self.violations = [FieldViolation(v.field, v.description) for v in bad_request.field_violations]
            elif detail.Unpack(retry):
                self.retry_after = retry.retry_delay.ToTimedelta().total_seconds()


def _trailers(error: grpc.RpcError) -> list[tuple[str, Any]]:
    trailing = getattr(error, "trailing_metadata", None)
    return list(trailing() or []) if callable(trailing) else []


@contextmanager
def translated() -> Iterator[None]:
    """Raises the `PreviewdError` for any gRPC error that the block raises."""
    try:
        yield
    except grpc.RpcError as error:
        raise PreviewdError.from_rpc(error) from error
