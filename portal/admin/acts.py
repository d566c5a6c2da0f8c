"""What the acts of this room share: the forms they ask with, one way to carry them out, the search."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from flask import g, request
from flask_babel import lazy_gettext as _l
from wtforms import DateField, Field, Form, HiddenField, PasswordField, TextAreaField
from wtforms.validators import InputRequired

from portal.admin.forms import AdminForm, VersionField, show_problems
from portal.admin.offered import offered
from portal.errors import NotAllowed, NotFound, PortalError, Problem, Refusal, Refused, Stale, refuse
from portal.services import shown
from portal.services.numbers import search_key
from portal.services.refused_movements import Attempt
from portal.web import carry_out
from portal.web_forms import KeyField
from portal.web_login import is_fresh, prove
from portal.web_recorded import carry_out_recorded
from portal.web_uploads import admit

T = TypeVar("T")


class Needed:
    """Marks a field as required on the page; that it is filled is the service's to say, with all the rest."""

    field_flags: ClassVar[dict[str, bool]] = {"required": True}

    def __call__(self, form: Form, field: Field) -> None:
        return None


class VersionForm(AdminForm):
    """An act on a row: the page carries the version it showed."""

    version = VersionField()


class SeenField(HiddenField):
    """The mark of the figures that the page showed: just those are decided on (``services.shown``).

    It stays what the page that was looked at said, until its reader is told that they have changed.
    """

    if TYPE_CHECKING:  # WTForms is untyped

        def __init__(self, **given: Any) -> None: ...

    def carry(self, figures: Mapping[str, Any], *, told: bool) -> None:
        """Let the page carry ``figures``, if it is shown first or ``told`` that there are others now."""
        if request.method == "GET" or told:
            self.data = shown.mark(figures)


class ReasonForm(VersionForm):
    """An act that must say why."""

    reason = TextAreaField(
        _l("理由"),
        validators=[Needed()],
        description=_l("記録と、相手に送る手紙やメールに、このまま載ります。"),
    )


class DayForm(VersionForm):
    """An act that has a day."""

    day = DateField(_l("日付"), validators=[InputRequired(_l("日付を入力してください。"))])


class ProvenForm(VersionForm):
    """An act that needs whoever is at the keyboard to have shown lately who they are (safety, login floor).

    The password is asked only when the last proof is older than the setting allows.
    """

    password = PasswordField(
        # on a page that makes a login for somebody else, a bare パスワード is taken for theirs
        _l("あなたのパスワード"),
        validators=[Needed()],
        description=_l("大切な操作のため、もう一度確認します。"),
        render_kw={"autocomplete": "current-password"},
    )

    #: nothing is wrong but the proof: the act may be rehearsed, so that all its refusals are told at once
    unproven = False

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        # whoever they are is asked last, beside the button
        password = self._fields.pop("password")
        if not is_fresh(g.settings):
            self._fields["password"] = password

    def validate(self, extra_validators: Any = None) -> bool:
        """Check the fields, and the password in a transaction of its own.

        What is counted against a guess must stay when the act is rolled back.
        """
        above: Any = super()  # WTForms is untyped
        fits = bool(above.validate(extra_validators))
        if "password" not in self:
            return fits
        typed = self["password"].data or ""
        try:
            problem = prove(typed, "password") if typed else Problem(Refusal.REQUIRED, "password")
            if problem is not None:
                # a pause for too many tries lets nothing be asked
                self.unproven = fits and problem.refusal is not Refusal.LOGIN_PAUSED
                raise Refused(problem)
        except PortalError as refused:
            show_problems(self, refused)
            return False
        # proven: the page that comes back for another reason does not ask again
        self._fields.pop("password")
        return fits

    def prove(self) -> None:
        """Called first in the act's transaction: refuses an act whose form was not proven."""
        if "password" in self and not self.unproven:
            raise refuse(Refusal.PASSWORD_WRONG, "password")


class ProvenReasonForm(ProvenForm):
    """A grave act that must say why."""

    reason = ReasonForm.reason


class ProvenKeyForm(ProvenForm):
    """A form that makes something grave: asked as :class:`ProvenForm`, made once as :class:`KeyForm`."""

    version = None  # type: ignore[assignment]
    key = KeyField()


class KeyForm(AdminForm):
    """A form that makes something: a second press gives the first answer."""

    key = KeyField()


def chosen_ids(most: int) -> list[int]:
    """The rows the address names with ``id``, each once, at most ``most``."""
    keys = [key for key in request.args.getlist("id") if key.isascii() and key.isdigit() and len(key) < 16]
    return list(dict.fromkeys(int(key) for key in keys))[:most]


def written_versions(versions: Mapping[int, int]) -> str:
    """Rows and the versions a page shows of them, as its form carries them: ``12:3 13:1``."""
    return " ".join(f"{row_id}:{version}" for row_id, version in versions.items())


def read_versions(text: str | None) -> dict[int, int]:
    """What :func:`written_versions` wrote. Raises ``Stale`` for anything else: no page of ours said so."""
    found: dict[int, int] = {}
    for item in (text or "").split():
        row_id, _colon, version = item.partition(":")
        if not all(part.isascii() and part.isdigit() and len(part) < 16 for part in (row_id, version)):
            raise Stale
        found[int(row_id)] = int(version)
    return found


def submitted(
    form: Any,
    work: Callable[[], T],
    *,
    files: Sequence[tuple[str, bytes]] = (),
    files_field: str = "file",
    attempt: Attempt | None = None,
) -> T | None:
    """What ``work`` made, if the form was sent, is well-formed and the service did not refuse.

    ``files`` (name, bytes) that came with it are searched for viruses before the act begins. With
    ``attempt`` a refusal is recorded: for movements.
    Otherwise ``None``: the page shows the form again, with every reason at its field and all that
    was typed. A row that is not there, and an act the reader may not do, are not the form's affair.
    """
    if not form.validate_on_submit():
        if getattr(form, "unproven", False):
            _rehearse(form, work)
        return None
    try:
        admit(*files, field=files_field)
        return carry_out(work) if attempt is None else carry_out_recorded(work, attempt)
    except (NotFound, NotAllowed):
        raise
    except PortalError as refused:
        _say(form, refused)
        return None


def _say(form: Any, refused: PortalError) -> None:
    form.outdated = isinstance(refused, Stale)
    form.refigured = any(one.refusal is Refusal.FIGURES_CHANGED for one in refused.problems)
    show_problems(form, refused)


def carry_figures(form: Any, figures: Mapping[str, Any]) -> None:
    """Write into ``form`` which figures its page shows; the act compares them (:class:`SeenField`)."""
    form["seen"].carry(figures, told=getattr(form, "refigured", False))


class _Undone(Exception):
    """Ends a rehearsal."""


def _rehearse(form: Any, work: Callable[[], object]) -> None:
    """Say what the service would refuse of an act that lacks its proof; nothing is kept of it.

    Whoever typed something wrong is told with the password, not after it. It is no secret: the reader may
    make this proposal or confirm it, and a refused form says the same.
    """

    def undone() -> None:
        work()
        raise _Undone

    try:
        carry_out(undone)
    except _Undone:
        return
    except (NotFound, NotAllowed):
        raise
    except PortalError as refused:
        _say(form, refused)


@dataclass(frozen=True)
class Question:
    """A page of its own that asks before an act: what will happen, on what, and what is final."""

    title: Any
    #: the way back up: (label, address)
    parents: Sequence[tuple[Any, str]]
    say: Any
    verb: Any
    back: str
    facts: Sequence[tuple[Any, Any]] = ()
    #: what will be made or sent
    makes: Sequence[Any] = ()
    #: what is pointed out about what is decided, each in one sentence
    notes: Sequence[str] = ()
    #: (head, sentence) to be read before the button is pressed
    warn: tuple[Any, Any] | None = None
    danger: bool = False
    #: (head, every failing rule in sentences): then there is nothing to press
    against: tuple[Any, Sequence[str]] | None = None


def ask(
    view: Any, form: Any, question: Question, template: str = "admin/act.html", **more: Any
) -> tuple[str, int]:
    """The page that asks, with the form that answers; without it, if somebody else has decided meanwhile."""
    overtaken = _overtaken(view, form) if getattr(form, "outdated", False) else None
    return view.render(template, form=form, question=question, overtaken=overtaken, **more), status()


def _overtaken(view: Any, form: Any) -> Sequence[tuple[Any, ...]] | None:
    """What happened to the row of a stale page, the newest event; ``None``: the act is still possible.

    Then the page shows the row as it is now, and its form answers that.
    """
    row_id = request.args.get("id", "")
    if not row_id or not hasattr(view, "get_one"):
        return ()
    row = view.get_one(row_id)
    if offered(view, row) and "version" in form and hasattr(row, "version"):
        form["version"].data = row.version
        return None
    # what made the row what it is now, not what was refused of it
    return tuple(one for one in view.history_of(row) if one[3])[:1]


def status() -> int:
    """200 for a page that asks, 422 for a form that came back."""
    return 422 if request.method == "POST" else 200


#: T-000110, folded
_LEDGER_NUMBER = re.compile(r"t([0-9]{6,15})")


def folded(search: str) -> str:
    """What was typed into a search box, as the search columns keep it: kana, width and hyphens folded."""
    words = [search_key(word) for word in search.replace("\u3000", " ").split()]
    return " ".join(word for word in words if word) or search


class KeySearch:
    """A list that is searched by its folded ``search_key``. Mix in before ``SecretariatView``."""

    column_searchable_list: Any = ("search_key",)

    def _apply_search(self, query: Any, count_query: Any, joins: Any, count_joins: Any, search: str) -> Any:
        above: Any = super()
        return above._apply_search(query, count_query, joins, count_joins, folded(search))


class LedgerSearch(KeySearch):
    """The same for lists of what is in the ledger: T-000110 finds its row, beside words and accounts."""

    def posted_as(self, numbers: list[int]) -> Any:
        """The condition that a row was posted under one of these ledger numbers."""
        raise NotImplementedError

    def _apply_search(self, query: Any, count_query: Any, joins: Any, count_joins: Any, search: str) -> Any:
        words = folded(search).split()
        numbers = {word: int(found[1]) for word in words if (found := _LEDGER_NUMBER.fullmatch(word))}
        if numbers:
            condition = self.posted_as(list(numbers.values()))
            query, count_query = query.filter(condition), count_query.filter(condition)
        rest = " ".join(word for word in words if word not in numbers)
        return super()._apply_search(query, count_query, joins, count_joins, rest)
