"""Commitment reserve and compliance status as pure functions of figures (domain §5).

All quantities are whole units (1 unit = 1 t-CO2) or whole t-CO2.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from portal import clock


class Compliance(StrEnum):
    """目標遵守の状況."""

    UNCONFIRMED = "unconfirmed"  # 未確定
    SHORT = "short"  # 不足
    MET = "met"  # 遵守
    MISSED = "missed"  # 期限超過・未遵守
    NOT_OBLIGED = "not_obliged"  # 対象外: registered after the deadline, or left the scheme before it


@dataclass(frozen=True)
class ReserveRule:
    """The phase's data behind the reserve (domain §5, decided: data of the phase, not code)."""

    released_by_compliance: bool = True
    jver_counts_for_reserve: bool = False
    jver_counts_for_compliance: bool = True


@dataclass(frozen=True)
class Figures:
    """One holder's figures: ``None`` is "not confirmed yet", which is not 0."""

    base_emissions: int | None
    reduction_target: int | None
    issued: int
    target_emissions: int | None
    retired_jaa: int
    retired_jver: int
    held: int
    promised: int
    rule: ReserveRule
    deadline: date
    #: held jVER, which may be retired too
    held_jver: int = 0
    #: the part retired after the deadline: it counts for the reserve, not for compliance
    late_jaa: int = 0
    late_jver: int = 0
    #: whether the target-year figure was approved after the deadline: then the target was missed
    approved_late: bool = False
    #: whether there was anything to do by the deadline: who was registered after it, or whose account was
    #: closed before it, owes nothing
    obliged: bool = True

    @property
    def retired(self) -> int:
        """What counts as retired for compliance."""
        return self.retired_jaa + (self.retired_jver if self.rule.jver_counts_for_compliance else 0)

    @property
    def retired_in_time(self) -> int:
        """What was retired by the deadline and not corrected since."""
        late_jver = self.late_jver if self.rule.jver_counts_for_compliance else 0
        return self.retired - self.late_jaa - late_jver

    @property
    def emissions_in_time(self) -> int | None:
        """The target-year figure as far as it was approved by the deadline, t-CO2."""
        return None if self.approved_late else self.target_emissions

    @property
    def missing(self) -> int | None:
        """What is still to retire, late or not; ``None`` until the target-year figure is approved."""
        if self.target_emissions is None:
            return None
        return max(0, self.target_emissions - self.retired)

    @property
    def reserve(self) -> int:
        return reserve(self)

    @property
    def available(self) -> int:
        """Held and not promised to a pending movement."""
        return max(0, self.held - self.promised)

    @property
    def movable(self) -> int:
        """The largest outgoing movement that leaves the reserve."""
        return max(0, self.held - self.promised - reserve(self))

    @property
    def to_buy(self) -> int | None:
        """How many units are lacking even if everything held is retired."""
        if self.missing is None:
            return None
        jver = self.held_jver if self.rule.jver_counts_for_compliance else 0
        return max(0, self.missing - self.available - jver)


def reserve(figures: Figures) -> int:
    """What must stay in the account before retirement (コミットメントリザーブ量).

    max(0, issued − reduction target − retired); 0 once the approved target-year figure is retired.
    """
    released = (
        figures.rule.released_by_compliance
        and figures.target_emissions is not None
        and figures.retired >= figures.target_emissions
    )
    if released:
        return 0
    counted = figures.retired_jaa + (figures.retired_jver if figures.rule.jver_counts_for_reserve else 0)
    return max(0, figures.issued - (figures.reduction_target or 0) - counted)


def status(figures: Figures, at: datetime) -> Compliance:
    """Where the holder stands at a moment; the deadline day counts whole, in Tokyo.

    Compliance is an approved figure and that much retired, both by the deadline (domain §5): whose figure
    is approved later, or who retires the rest later, has missed the target. Who had nothing to do by the
    deadline has missed nothing (decided); who did all of it before leaving the scheme has complied. After the
    deadline the newest record says the same and is asked first wherever a status is official
    (``compliance_records.py``).
    """
    needed = figures.emissions_in_time
    if needed is not None and figures.retired_in_time >= needed:
        return Compliance.MET
    if not figures.obliged:
        return Compliance.NOT_OBLIGED
    if at >= clock.end_of_day(figures.deadline):
        return Compliance.MISSED
    return Compliance.UNCONFIRMED if figures.target_emissions is None else Compliance.SHORT


def what_if(
    figures: Figures, at: datetime, *, retire: int = 0, retire_jver: int = 0, buy: int = 0
) -> Figures:
    """The figures after buying ``buy`` JAA of the own phase and then retiring, at the moment ``at``.

    Nothing is judged: what is retired beyond what is held leaves ``held`` below zero, which
    :func:`lacking` names. Doing it in the ledger gives the same figures.
    """
    late = at >= clock.end_of_day(figures.deadline)
    return replace(
        figures,
        held=figures.held + buy - retire,
        held_jver=figures.held_jver - retire_jver,
        retired_jaa=figures.retired_jaa + retire,
        retired_jver=figures.retired_jver + retire_jver,
        late_jaa=figures.late_jaa + (retire if late else 0),
        late_jver=figures.late_jver + (retire_jver if late else 0),
    )


def lacking(then: Figures) -> tuple[int, int]:
    """(JAA, jVER) that are lacking for what :func:`what_if` was asked; promised units cannot be retired."""
    return max(0, then.promised - then.held), max(0, -then.held_jver)


def days_left(deadline: date, today: date) -> int:
    """Whole days until the deadline; 0 on the day itself, negative afterwards."""
    return (deadline - today).days
