"""Records as rows, and back: what every SQL store writes in the same way, as text and numbers."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Final

from caseassign.history import Change, Head, Plain, RecordKey, to_json
from caseassign.model import Client, Organization
from caseassign.storage import Row
from caseassign.stores.sql import Form


def _organization_row(record: Organization) -> Row:
    return record.organization_id, record.organization_name, record.batch_id


def _organization(organization_id: str, organization_name: str | None, batch_id: str | None) -> Organization:
    return Organization(organization_id=organization_id, organization_name=organization_name, batch_id=batch_id)


ORGANIZATIONS: Final = Form("organization", _organization_row, _organization)


def _client_row(record: Client) -> Row:
    return record.personal_id, record.first_name, record.last_name, record.batch_id


def _client(personal_id: str, first_name: str | None, last_name: str | None, batch_id: str | None) -> Client:
    return Client(personal_id=personal_id, first_name=first_name, last_name=last_name, batch_id=batch_id)


CLIENTS: Final = Form("client", _client_row, _client)


def _change_row(line: Change) -> Row:
    return (
        line.change_id,
        line.number,
        line.recorded_at.isoformat(),
        line.user_id,
        line.action,
        line.record.kind,
        line.record.id,
        _plain_text(line.before),
        _plain_text(line.after),
        line.reason,
        line.batch_id,
        line.digest,
    )


def _change(
    change_id: str,
    number: int,
    recorded_at: str,
    user_id: str | None,
    action: str,
    kind: str,
    record_id: str,
    before: str | None,
    after: str | None,
    reason: str | None,
    batch_id: str,
    digest: str,
) -> Change:
    return Change(
        number=number,
        change_id=change_id,
        recorded_at=datetime.fromisoformat(recorded_at),
        user_id=user_id,
        action=action,
        record=RecordKey(kind, record_id),
        before=_plain(before),
        after=_plain(after),
        reason=reason,
        batch_id=batch_id,
        digest=digest,
    )


CHANGES: Final = Form("change", _change_row, _change, order="number")


def _head_row(head: Head) -> Row:
    return "history", head.number, head.digest, None if head.recorded_at is None else head.recorded_at.isoformat()


def _head(chain: str, number: int, digest: str, recorded_at: str | None) -> Head:  # noqa: ARG001  # names a column
    return Head(number, digest, None if recorded_at is None else datetime.fromisoformat(recorded_at))


HEADS: Final = Form("change_head", _head_row, _head)


def _plain_text(plain: Plain | None) -> str | None:
    return None if plain is None else to_json(plain)


def _plain(text: str | None) -> Plain | None:
    if text is None:
        return None
    plain = json.loads(text)
    if not isinstance(plain, dict):
        raise TypeError
    return plain
