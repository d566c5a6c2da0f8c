"""What a report is compared with: another version of it, the year before, the base years (domain §4).

Emissions only. *Decided*: a figure of another period is compared with once it is confirmed, by whoever may
see the report that is compared, also a verifier to whom the other period's report was never assigned: figures
by source are what this report is judged against; the other report's files stay closed to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from portal.models import EmissionsReport, FileKind, Period, ReportFile, User
from portal.services import access
from portal.services.comparison import Amount, Comparison, average, compare
from portal.services.report_files import check_reader
from portal.services.spreadsheets.form_types import FormReading


class Against(StrEnum):
    """What stands on the earlier side."""

    VERSION = "version"  # another version of the same report
    YEAR_BEFORE = "year_before"  # the year before, in the same form
    BASE_AVERAGE = "base_average"  # the confirmed base-year figure
    BASE_LAST_YEAR = "base_last_year"  # the last of the base years
    TARGET_YEAR = "target_year"


@dataclass(frozen=True)
class Compared:
    """One comparison. ``before`` and ``after`` are fiscal years, or numbers of versions for VERSION."""

    against: Against
    before: tuple[int, ...]
    after: tuple[int, ...]
    found: Comparison


#: no report has more versions; a larger number is no version, and no database would look for it
_MOST_VERSIONS = 2**31 - 1
#: whose confirmed figure a period is held against
_PERIOD_BEFORE = {Period.TARGET: Period.BASE, Period.ADJUSTMENT: Period.TARGET}


def by_year(reading: FormReading) -> dict[int, list[Amount]]:
    """Fiscal year → its sources, the years in order."""
    years: dict[int, list[Amount]] = {year: [] for year, _total in reading.yearly}
    for line in reading.lines:
        years.setdefault(line.fiscal_year, []).append(
            Amount(line.name, line.factor_code, line.unit, Fraction(line.activity), line.emissions)
        )
    return dict(sorted(years.items()))


def against_years(reading: FormReading, before: FormReading | None) -> list[Compared]:
    """A form against what was before it: the years within it, and the form of the period before.

    Pure. Of several years before, their average and the last one are compared with.
    """
    years = by_year(reading)
    order = list(years)
    found = [
        Compared(Against.YEAR_BEFORE, (old,), (new,), compare(years[old], years[new]))
        for old, new in pairwise(order)
    ]
    if before is None:
        return found
    here, there = average(years.values()), by_year(before)
    if len(there) > 1:
        mean = compare(average(there.values()), here)
        found.append(Compared(Against.BASE_AVERAGE, tuple(there), tuple(order), mean))
    last = max(there)
    kind = Against.BASE_LAST_YEAR if len(there) > 1 else Against.TARGET_YEAR
    found.append(Compared(kind, (last,), tuple(order), compare(there[last], here)))
    return found


def against_version(old: tuple[int, FormReading], new: tuple[int, FormReading]) -> Compared:
    """(number, form) against (number, form) of the same report; several years by their average. Pure."""
    sides = [average(by_year(reading).values()) for _number, reading in (old, new)]
    return Compared(Against.VERSION, (old[0],), (new[0],), compare(*sides))


def comparisons(
    session: Session, report_id: int, actor: User, *, version: int | None = None
) -> tuple[Compared, ...]:
    """The current file against what was before; empty without a file.

    ``version``: the earlier version to compare with, by default the one before the current; an unknown
    one is none. Raises ``NotAllowed`` or ``NotFound``. Three queries at most.
    """
    check_reader(actor)
    report = access.get_visible(session, EmissionsReport, report_id, actor)
    if version is not None and not 0 < version <= _MOST_VERSIONS:
        version = 0
    files = {
        file.version_number: file
        for file in session.scalars(_wanted(report, version).order_by(ReportFile.version_number))
    }
    current = next((file for file in files.values() if file.id == report.current_file_id), None)
    reading = _read(current)
    if current is None or reading is None:
        return ()
    found = against_years(reading, _before(session, report))
    number = current.version_number
    earlier = files.get(version if version is not None else number - 1)
    other = _read(earlier)
    if earlier is not None and other is not None and earlier.version_number < number:
        found.insert(0, against_version((earlier.version_number, other), (number, reading)))
    return tuple(found)


def _wanted(report: EmissionsReport, version: int | None) -> Select[ReportFile]:
    current = select(ReportFile.version_number).where(ReportFile.id == report.current_file_id)
    other = version if version is not None else current.scalar_subquery() - 1
    return select(ReportFile).where(
        ReportFile.report_id == report.id,
        ReportFile.kind == FileKind.CALCULATION,
        (ReportFile.id == report.current_file_id) | (ReportFile.version_number == other),
    )


def _before(session: Session, report: EmissionsReport) -> FormReading | None:
    """The confirmed form of the period before, if there is one."""
    period = _PERIOD_BEFORE.get(report.period)
    if period is None:
        return None
    return _read(
        session.scalars(
            select(ReportFile)
            .join(EmissionsReport, EmissionsReport.current_file_id == ReportFile.id)
            .where(
                EmissionsReport.holder_id == report.holder_id,
                EmissionsReport.period == period,
                EmissionsReport.confirmed_emissions.is_not(None),
            )
        ).one_or_none()
    )


def _read(file: ReportFile | None) -> FormReading | None:
    return FormReading.from_dict(file.reading) if file is not None and file.reading is not None else None


def pointed_out(found: Sequence[Compared]) -> int:
    """In how many places a difference is pointed out."""
    return sum(one.found.pointed_out for one in found)
