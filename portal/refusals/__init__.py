"""The named refusals and their texts, Japanese first, English second. A leaf.

``{name}`` places take figures. Sentences say what is wrong and the way out; nothing is blamed.
"""

from __future__ import annotations

from portal.refusals import allowances, everywhere, office, phases, registration, reports
from portal.refusals.codes import Refusal

__all__ = ["TEXTS", "Refusal"]

TEXTS: dict[Refusal, tuple[str, str]] = {
    **everywhere.TEXTS,
    **registration.TEXTS,
    **office.TEXTS,
    **reports.TEXTS,
    **allowances.TEXTS,
    **phases.TEXTS,
}
