"""One door for each thing: one commit place, one clock, one writer of state, one grant table."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path

from portal.permissions import ROLE_PERMISSIONS, Permission, Role
from portal.refusals import TEXTS, Refusal
from tests.house.checkout import below, calls, named, tree

PORTAL = below("portal/")
TRANSACTION = "portal/services/transaction.py"
CLOCK = "portal/clock.py"
WORKFLOW = "portal/services/workflow.py"
READS_TIME = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns"}


def called(names: set[str], *, but: str) -> list[str]:
    """Where ``names`` are called, by their last two parts, outside of one file."""
    return [
        f"{named(path)}:{line}: {call}"
        for path in PORTAL
        if named(path) != but
        for line, call in calls(path)
        if ".".join(call.split(".")[-2:]) in names
    ]


def test_only_one_place_commits() -> None:
    outside = [
        f"{named(path)}:{line}: {call}"
        for path in PORTAL
        if named(path) != TRANSACTION
        for line, call in calls(path)
        if call.split(".")[-1] in ("commit", "rollback") and "." in call
    ]
    assert outside == []


def test_only_one_place_sends_a_commit_of_its_own() -> None:
    """One decides; on PostgreSQL another sends that COMMIT, when it comes, with the last statement."""
    said = [named(path) for path in PORTAL if re.search(r"[\"'](COMMIT|ROLLBACK)\b", path.read_text())]
    assert said == ["portal/with_commit.py"]


def test_only_the_clock_reads_time() -> None:
    assert called(READS_TIME, but=CLOCK) == []


def assigned_states(path: Path) -> list[int]:
    """Lines that assign an attribute called ``state``, also through setattr."""
    lines = []
    for node in ast.walk(tree(path)):
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AugAssign | ast.AnnAssign):
            targets = [node.target]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "setattr":
            given = node.args[1] if len(node.args) > 1 else None
            if isinstance(given, ast.Constant) and given.value == "state":
                lines.append(node.lineno)
        flat = [part for t in targets for part in (t.elts if isinstance(t, ast.Tuple | ast.List) else [t])]
        lines += [part.lineno for part in flat if isinstance(part, ast.Attribute) and part.attr == "state"]
    return lines


def test_only_the_workflow_assigns_a_state() -> None:
    found = [f"{named(p)}:{line}" for p in PORTAL if named(p) != WORKFLOW for line in assigned_states(p)]
    assert found == []


def test_every_permission_is_granted_to_some_role() -> None:
    granted = frozenset().union(*ROLE_PERMISSIONS.values())
    assert set(Permission) - granted == set()


def test_every_role_has_its_row_in_the_grant_table() -> None:
    assert set(ROLE_PERMISSIONS) == set(Role)


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_refusal_speaks_both_languages_with_the_same_figures() -> None:
    assert set(TEXTS) == set(Refusal)
    wrong = {
        r.name: TEXTS[r] for r in Refusal if not all(TEXTS[r]) or places(TEXTS[r][0]) != places(TEXTS[r][1])
    }
    assert wrong == {}
