"""What somebody may do to makers and events behind the guards, and how the second book then begins."""

from __future__ import annotations

import json

_ABOUT = (
    "AND subject_type = 'movement'"
    " AND subject_id IN (SELECT id FROM movement WHERE state = 'executed' AND kind ="
)
_OTHER_FACTS = json.dumps({"kind": "retire", "quantity": 4_999})
_OTHER_PLACE = json.dumps({"kind": "retire", "quantity": 5_000, "target": "AST-101"})

#: name → (SQL, which may name ``:officer``; how the first difference begins)
EVENTS = {
    "another maker of an issue": (
        "UPDATE movement SET proposed_by_id = (SELECT min(id) FROM \"user\") WHERE kind = 'issue'",
        "T-000001: its event says that another person made its movement",
    ),
    "another maker of a transfer": (
        "UPDATE movement SET proposed_by_id = :officer WHERE kind = 'transfer'",
        "T-000003: its event says that another person made its movement",
    ),
    "an event that is gone": (
        f"DELETE FROM event WHERE tag = 'movement_executed' {_ABOUT} 'cancel')",
        "T-000006: 0 events say that its movement was executed",
    ),
    "an event that was copied": (
        (
            "INSERT INTO event (at, tag, actor_id, subject_type, subject_id, holder_id, facts)"
            " SELECT at, tag, actor_id, subject_type, subject_id, holder_id, facts FROM event"
            f" WHERE tag = 'movement_proposed' {_ABOUT} 'correction')"
        ),
        "T-000008: 2 events say that its movement was proposed",
    ),
    "the actor of an event": (
        f"UPDATE event SET actor_id = :officer WHERE tag = 'movement_executed' {_ABOUT} 'retire')",
        "T-000005: its event says that another person decided its movement",
    ),
    "the figure of an event": (
        f"UPDATE event SET facts = '{_OTHER_FACTS}' WHERE tag = 'movement_executed' {_ABOUT} 'retire')",
        "T-000005: its event says 4999 for quantity, its movement 5000",
    ),
    "the account of an event": (
        f"UPDATE event SET facts = '{_OTHER_PLACE}' WHERE tag = 'movement_executed' {_ABOUT} 'retire')",
        "T-000005: its event says AST-101 for target, its movement AST-2",
    ),
}
