"""De-identify clients: their names go, and with them every name and reason that history keeps about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import attrs

from caseassign.acts.draft import Draft, refuse
from caseassign.acts.outcome import Skipped
from caseassign.acts.said import unnamed
from caseassign.batches import in_batches
from caseassign.histories import lines_about_clients
from caseassign.history import Change
from caseassign.model import Client, Project
from caseassign.out_of_use import in_use, texts_about
from caseassign.personal import is_in_the_clear
from caseassign.storage import Transaction

_CLIENTS_AT_ONCE: Final = 1_000


def deidentify(draft: Draft, personal_ids: Iterable[str]) -> None:
    """Remove who clients were, and leave what was done. One who is in use today refuses the act.

    A reason goes with the lines about a client, for all whom its batch was about. Lines that hold a text in the
    clear, as they did before there were imprints, stay as they are, and ``skipped`` says so.
    """
    clients = draft.load(Client, dict.fromkeys(personal_ids))
    used: set[str] = set()
    for some in in_batches(clients, _CLIENTS_AT_ONCE):
        used |= _look_at(draft, {client.personal_id: client for client in some})
    if used:
        ids = sorted(used)
        refuse("in-use", "personal_id", ids, f"enrolled, or held by somebody, today or later: {', '.join(ids)}")


def _look_at(draft: Draft, clients: Mapping[str, Client]) -> set[str]:
    """Put some clients without their names, and return who of them is in use."""
    tx = draft.tx
    projects = {enrollment.project_id for enrollment in tx.enrollments.of_clients(clients)}
    draft.authorize(projects=draft.load(Project, sorted(projects)))
    lines = lines_about_clients(tx, clients)
    texts = texts_about(tx, lines)
    said = tx.imported.get(Client.KIND, clients)
    unsaid = {key: unnamed(Client, text) for key, text in said.items() if unnamed(Client, text) != text}
    for key, client in clients.items():
        bare = attrs.evolve(client, first_name=None, last_name=None)
        if bare != client or texts[key] or key in unsaid:
            draft.put(bare)
            draft.note(bare)
        _tell_what_stays(draft, lines[key])
    draft.besides(lambda tx: _remove(tx, set().union(*texts.values()), unsaid))
    return in_use(tx, clients, draft.desk.today)


def _remove(tx: Transaction, imprints: Iterable[str], unsaid: Mapping[str, str]) -> None:
    tx.personal.remove(imprints)
    tx.imported.put(Client.KIND, unsaid)


def _tell_what_stays(draft: Draft, lines: Iterable[Change]) -> None:
    """Name the lines that cannot be de-identified."""
    why = "the line of history holds a name or a reason itself, as in version 1 of the store, and stays"
    draft.skipped += (Skipped("line", str(line.number), why) for line in lines if is_in_the_clear(line))
