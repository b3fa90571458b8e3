"""What the API server says when it says no: `Status` bodies with the reasons and messages of the real one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from codenb.demo.kinds import Kind
from codenb.demo.objects import Obj, pruned


class Cause(NamedTuple):
    """One thing that is wrong with one field.

    Attributes:
        reason: `FieldValueInvalid`, `FieldValueRequired`, ...
        message: Begins with the reason in words, as the API server's do.
        field: Path of the field.
    """

    reason: str
    message: str
    field: str


class ApiError(Exception):
    """A request is answered with a failure; never leaves this room."""

    def __init__(self, code: int, reason: str, message: str, details: Obj | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.details = details

    def body(self) -> Obj:
        """The `Status` object that a client gets."""
        fields = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": str(self),
            "reason": self.reason or None,
            "details": self.details,
            "code": self.code,
        }
        return pruned(fields)


def success(kind: Kind, name: str, uid: str) -> Obj:
    """The `Status` that answers a deletion."""
    details = pruned({"name": name, "group": kind.group or None, "kind": kind.plural, "uid": uid})
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def _about(kind: Kind, name: str) -> Obj:
    return pruned({"name": name or None, "group": kind.group or None, "kind": kind.plural})


def bad_request(message: str) -> ApiError:
    """400: the request cannot be understood."""
    return ApiError(400, "BadRequest", message)


def unauthorized() -> ApiError:
    """401: a token that this server did not give out."""
    return ApiError(401, "Unauthorized", "Unauthorized")


def forbidden(kind: Kind, name: str, why: str) -> ApiError:
    """403: known, but not allowed to, or refused by an admission rule such as a quota."""
    subject = f'{kind.resource} "{name}"' if name else kind.resource
    return ApiError(403, "Forbidden", f"{subject} is forbidden: {why}", _about(kind, name))


def not_found(kind: Kind, name: str) -> ApiError:
    """404: no such object."""
    return ApiError(404, "NotFound", f'{kind.resource} "{name}" not found', _about(kind, name))


def no_such_path() -> ApiError:
    """404: no such resource type."""
    return ApiError(404, "NotFound", "the server could not find the requested resource", {})


def method_not_allowed() -> ApiError:
    """405: the resource exists, and does not do this."""
    return ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {})


def already_exists(kind: Kind, name: str) -> ApiError:
    """409: an object of that name is there."""
    return ApiError(409, "AlreadyExists", f'{kind.resource} "{name}" already exists', _about(kind, name))


def conflict(kind: Kind, name: str, why: str | None = None) -> ApiError:
    """409: the object is no longer what the caller read."""
    why = why or "the object has been modified; please apply your changes to the latest version and try again"
    return ApiError(
        409, "Conflict", f'Operation cannot be fulfilled on {kind.resource} "{name}": {why}', _about(kind, name)
    )


def apply_conflict(found: Sequence[tuple[str, str]]) -> ApiError:
    """409: an apply would change fields that belong to other managers.

    Args:
        found: Manager, as messages name it, and path of each field; sorted by manager.
    """
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {manager}", "field": path}
        for manager, path in found
    ]
    if len(found) == 1:
        message = f"Apply failed with 1 conflict: conflict with {found[0][0]}: {found[0][1]}"
    else:
        lines: list[str] = []
        for manager, path in found:
            head = f"conflicts with {manager}:"
            lines += [f"- {path}"] if head in lines else [head, f"- {path}"]
        message = f"Apply failed with {len(found)} conflicts: " + "\n".join(lines)
    return ApiError(409, "Conflict", message, {"causes": causes})


def untyped(obj: Obj, why: str) -> ApiError:
    """500, without a reason, as the real server has it: an applied configuration that its schema does not know."""
    metadata = obj["metadata"]
    name = f"{metadata.get('namespace', '')}/{metadata.get('name', '')}"
    what = f"({name}; {obj['apiVersion']}, Kind={obj['kind']})"
    return ApiError(500, "", f"failed to create typed patch object {what}: {why}")


def expired(message: str) -> ApiError:
    """410: the history that the caller asks for is no longer kept."""
    return ApiError(410, "Expired", message)


def too_large(limit: int) -> ApiError:
    """413: more than the server reads."""
    return ApiError(413, "RequestEntityTooLarge", f"Request entity too large: limit is {limit}")


def unsupported_media_type() -> ApiError:
    """415: the body is of a kind that this request does not take."""
    return ApiError(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})


def invalid(kind: Kind, name: str, causes: Sequence[Cause]) -> ApiError:
    """422: fields that cannot be as they are."""
    errors = [f"{cause.field}: {cause.message}" for cause in causes]
    joined = errors[0] if len(errors) == 1 else f"[{', '.join(errors)}]"
    details = pruned({"name": name or None, "group": kind.group or None, "kind": kind.kind})
    details["causes"] = [cause._asdict() for cause in causes]
    return ApiError(422, "Invalid", f'{kind.gvk} "{name}" is invalid: {joined}', details)


def rejected() -> ApiError:
    """422: a JSON patch whose test does not hold or whose path is not there."""
    return ApiError(422, "Invalid", "the server rejected our request due to an error in our request", {})


def internal_error(error: Exception) -> ApiError:
    """500: a fault of this program."""
    why = f"{type(error).__name__}: {error}"
    return ApiError(500, "InternalError", f"Internal error occurred: {why}", {"causes": [{"message": why}]})


def not_embedded(what: str) -> ApiError:
    """501: a real API server does this; the embedded one says that it does not rather than pretend."""
    return ApiError(501, "NotImplemented", f"{what}: not embedded here; this is a teaching double, try a real cluster")
