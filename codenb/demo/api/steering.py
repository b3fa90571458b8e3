"""The paths under `/_demo/`, which no real API server has: the clock and the count of writes."""

from __future__ import annotations

import math

from codenb.demo.api.requests import HttpRequest
from codenb.demo.auth import User
from codenb.demo.live import Live
from codenb.demo.objects import Obj
from codenb.demo.status import ApiError, bad_request, method_not_allowed, no_such_path

_LONGEST_S = 86_400


def answer(live: Live, http: HttpRequest, user: User) -> Obj:
    """Answer one of them.

    `GET /_demo/clock` tells the world's time; `POST` with `{"advance": SECONDS}` moves it. `GET /_demo/writes` counts
    the writes that were made over HTTP and kept, by resource (`deployments/scale`) and name.

    Raises:
        ApiError: 403 for anybody but the admin, 400 for a step that is not a number, or too long.
    """
    if user.role != "admin":
        raise ApiError(403, "Forbidden", f'forbidden: User "{user.name}" cannot use path "{http.path}"', {})
    if http.path == "/_demo/clock":
        if http.method == "POST":
            live.skip(_seconds(http))
        elif http.method != "GET":
            raise method_not_allowed()
        return {"now": live.sim.clock.micro_stamp(), "frozen": live.pace.frozen}
    if http.path == "/_demo/writes" and http.method == "GET":
        return {"writes": [{"resource": key[0], "name": key[1], "count": n} for key, n in sorted(live.writes.items())]}
    raise no_such_path()


def _seconds(http: HttpRequest) -> float:
    body = http.json()
    seconds = body.get("advance") if isinstance(body, dict) else None
    if not isinstance(seconds, int | float) or not math.isfinite(seconds) or seconds < 0:
        raise bad_request('send {"advance": SECONDS}, a number that is not negative')
    if seconds > _LONGEST_S:
        raise bad_request(f"a day is the most that is lived through at once: advance by {_LONGEST_S} s or less")
    return float(seconds)
