"""Every workflow, the whole square of state × action × role: the table's lines work and nothing else does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import SimpleNamespace
from typing import Any

import pytest

from portal.errors import NotAllowed, Refusal, Refused, Stale
from portal.models import Event
from portal.permissions import ROLE_PERMISSIONS, Role
from portal.services.mail_kinds import MailKind
from portal.services.transitions import ALL
from portal.services.workflow import Edge, Workflow, advance

BY_NAME = {workflow.name: workflow for workflow in ALL}
EDGES = [pytest.param(w, e, id=f"{w.name}-{e.state.value}-{e.action}") for w in ALL for e in w.edges]


class Row:
    """Stands in for a row of any workflow."""

    __tablename__ = "row"
    id = 7

    def __init__(self, state: StrEnum) -> None:
        self.state, self.version = state, 3
        self.state_since: Any = None


@dataclass
class Book:
    """Stands in for the session: keeps what was recorded."""

    events: list[Event] = field(default_factory=list)

    def add(self, event: Event) -> None:
        self.events.append(event)

    def flush(self) -> None:
        """Nothing is written."""


def person(role: Role) -> Any:
    return SimpleNamespace(id=11, role=role)


def states(workflow: Workflow) -> type[StrEnum]:
    return type(workflow.edges[0].state)


def tried(workflow: Workflow, row: Row, action: str, role: Role) -> tuple[Book, Exception | None]:
    book = Book()
    try:
        advance(book, workflow, row, action, actor=person(role), version=3, reason="理由")  # type: ignore[arg-type]
    except (NotAllowed, Refused) as refused:
        return book, refused
    return book, None


@pytest.mark.parametrize("workflow", ALL, ids=lambda w: w.name)
def test_only_the_lines_of_the_table_work_and_only_for_their_roles(workflow: Workflow) -> None:
    lines = {(edge.state, edge.action): edge for edge in workflow.edges}
    wrong = []
    for state in states(workflow):
        for action in {edge.action for edge in workflow.edges} | {"unheard_of", ""}:
            for role in Role:
                line, row = lines.get((state, action)), Row(state)
                granted = line is not None and line.permission in ROLE_PERMISSIONS[role]
                book, refused = tried(workflow, row, action, role)
                expected: Any = (
                    (line.to, [line.tag.value], type(None))
                    if line is not None and granted
                    else (state, [], Refused if line is None else NotAllowed)
                )
                if (row.state, [event.tag for event in book.events], type(refused)) != expected:
                    wrong.append((state.value, action, role.value, row.state, refused))
    assert wrong == []


@pytest.mark.parametrize(("workflow", "edge"), EDGES)
def test_a_step_is_recorded_once_with_before_and_after(
    workflow: Workflow, edge: Edge, at: Callable[[str], datetime]
) -> None:
    at("2015-10-15 09:00")
    row, book = Row(edge.state), Book()
    advance(book, workflow, row, edge.action, actor=None, reason=" 理由 ", holder_id=5)  # type: ignore[arg-type]
    (event,) = book.events
    assert (event.tag, event.subject_type, event.subject_id, event.holder_id) == (edge.tag.value, "row", 7, 5)
    assert (event.facts["before"], event.facts["after"], event.reason) == (edge.state, edge.to, "理由")
    assert row.state_since == event.at


@pytest.mark.parametrize(("workflow", "edge"), EDGES)
def test_a_stale_page_or_a_missing_reason_changes_nothing(workflow: Workflow, edge: Edge) -> None:
    role = next(role for role in Role if edge.permission in ROLE_PERMISSIONS[role])
    row, book = Row(edge.state), Book()
    with pytest.raises(Stale):
        advance(book, workflow, row, edge.action, actor=person(role), version=2, reason="理由")  # type: ignore[arg-type]
    if edge.reason:
        for nothing in (None, "", " \u3000 "):
            with pytest.raises(Refused) as refused:
                advance(book, workflow, row, edge.action, actor=person(role), reason=nothing)  # type: ignore[arg-type]
            assert refused.value.refusal is Refusal.REASON_NEEDED
    assert (row.state, row.state_since, book.events) == (edge.state, None, [])


def test_every_mail_of_a_table_is_a_kind_of_mail() -> None:
    named = {edge.mail for workflow in ALL for edge in workflow.edges if edge.mail is not None}
    assert named - {kind.value for kind in MailKind} == set()


def test_tables_have_names_of_their_own_and_one_line_for_a_step() -> None:
    assert len(BY_NAME) == len(ALL)
    for workflow in ALL:
        steps = [(edge.state, edge.action) for edge in workflow.edges]
        assert len(steps) == len(set(steps)), workflow.name


@pytest.mark.parametrize("workflow", ALL, ids=lambda w: w.name)
def test_every_state_is_reached_from_the_first(workflow: Workflow) -> None:
    reached = {workflow.edges[0].state}
    for _ in states(workflow):
        reached |= {edge.to for edge in workflow.edges if edge.state in reached}
    assert set(states(workflow)) == reached
