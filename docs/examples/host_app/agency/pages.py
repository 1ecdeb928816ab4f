"""What every page has in common: somebody is logged in, and what caseassign refuses becomes an answer."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.defaults import server_error

from agency.access import casework_for, today, worker_of
from caseassign import Casework, ConflictError, NotFoundError, PermissionDeniedError, StorageError, retrying
from caseassign.questions import ClientRecord

View = Callable[..., HttpResponse]

LONGEST_SEARCH = 100
"""How long a text is that is searched for. No name is longer, and databases take only so many words."""


def page(view: View) -> View:
    """Make a view of one that also wants the `Casework` of whoever is logged in.

    Where another transaction is in the way, it begins anew; so a view writes once, and does so last.
    """

    @wraps(view)
    @login_required
    def answered(request: HttpRequest, **named: Any) -> HttpResponse:
        if "%00" in request.get_full_path():  # what no record is called, and PostgreSQL takes in no text
            raise Http404
        try:
            work = casework_for(request.user)
            return retrying(lambda: view(request, work, **named))
        except PermissionDeniedError as denied:
            raise PermissionDenied(denied.reason) from denied
        except NotFoundError as missing:
            raise Http404 from missing
        except ConflictError:
            return render(request, "agency/conflict.html", status=409)
        except StorageError as error:
            logging.getLogger(__name__).error("%s failed: %s", request.resolver_match.view_name, error.problem)
            return server_error(request)

    return answered


def searched(said: QueryDict) -> str:
    """Return what is searched for."""
    return said.get("search", "")[:LONGEST_SEARCH]


def record_of(work: Casework, personal_id: str) -> ClientRecord:
    """Return the record of a client; nothing at all where the worker may see none of their enrollments."""
    record = work.client_record(personal_id)
    if record.withheld and not record.enrollments:
        raise PermissionDenied("you have no access to any enrollment of this client")
    return record


def workspace(request: HttpRequest) -> dict[str, Any]:
    """Return what the frame around each page shows: who is logged in, and which day it is."""
    me = worker_of(request.user) if request.user.is_authenticated else None
    return {"me": me, "today": today(), "longest_search": LONGEST_SEARCH}


class ContentSecurityPolicy:
    """Nothing of a page comes from elsewhere, and nothing of it is a script."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer as the others do, with one header more."""
        response = self._get_response(request)
        response["Content-Security-Policy"] = (
            "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
            "frame-ancestors 'none'; base-uri 'none'"
        )
        return response
