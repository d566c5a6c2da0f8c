"""What one person proposes and another confirms: the queue, the question, the withdrawal (domain §2).

A subject says what its proposal is and does; what the four-eyes rule makes of it, and how its pages
look and speak, is said here once: the steps and the reasons why they are not offered, the question
with who proposed what and why, the proof of who confirms, the versions shown, the withdrawal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from flask import flash, redirect, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import TextAreaField

from portal.admin import promised
from portal.admin.acts import (
    Needed,
    ProvenForm,
    Question,
    SeenField,
    VersionForm,
    ask,
    carry_figures,
    submitted,
)
from portal.admin.base import SecretariatView, Step
from portal.admin.door import page
from portal.admin.offered import not_offered
from portal.admin.waiting import WaitingFirst
from portal.errors import Problem
from portal.permissions import Permission
from portal.services import proposal_ends
from portal.services.refused_movements import Attempt
from portal.web import actor, texts
from portal.web_text import moment

_ASKS = ("GET", "POST")


class ConfirmForm(ProvenForm):
    """The second person's yes: to the version and to the figures that the page showed."""

    seen = SeenField()


class WithdrawForm(VersionForm):
    """Why the proposer takes a proposal back, if there is something to say."""

    reason = TextAreaField(_l("理由"), description=_l("書いたときは、記録と、承認者へのメールに載ります。"))


class DeclineForm(VersionForm):
    """Why a proposal is declined."""

    reason = TextAreaField(
        _l("却下の理由"),
        validators=[Needed()],
        description=_l("記録と、起案した人へのメールに、このまま載ります。"),
    )


def declines(row: Any) -> bool:
    """Whether the reader, who did not propose ``row``, would decline it; its proposer withdraws."""
    return proposal_ends.way_of(row, actor()) == proposal_ends.DECLINE


def ending_form(row: Any) -> Any:
    """The form by which the reader ends the proposal ``row`` without confirming it."""
    return (DeclineForm if declines(row) else WithdrawForm)(data={"version": row.version})


def ending_step(
    view: SecretariatView,
    row: Any,
    url: str,
    rights: tuple[Permission, Permission],
    words: tuple[Any, Any] = ("", ""),
) -> list[Step]:
    """The reader's way to end ``row``: withdraw what is one's own, decline what one could confirm.

    ``rights`` to propose and to confirm; ``words`` for the two acts where a page names several proposals.
    """
    if declines(row):
        step = Step(words[1] or _("起案を却下する"), url, "danger-quiet")
        return [step] if view.allows(rights[1]) else []
    step = Step(words[0] or _("起案を取り下げる"), url, "danger-quiet")
    return [step] if view.allows(rights[0]) else []


def decline_words() -> tuple[Any, Any, Any, Any]:
    """(title and button, the question, what it makes, what the page says afterwards) of declining."""
    return (
        _("起案を却下する"),
        _("この起案を却下します。起案した内容は実行されません。"),
        _("起案した人に、理由をつけてメールでお知らせします。もう一度起案することもできます。"),
        _("起案を却下しました。理由を、起案した人にメールで知らせました。"),
    )


@dataclass(frozen=True)
class Proposals:
    """One kind of proposal: whose acts it knows, and what stands against the reader's confirming it now."""

    endpoint: str
    propose: Permission
    confirm: Permission
    waits: Callable[[Any], bool]
    problems: Callable[[Any], Sequence[Problem]]

    def against(self, row: Any) -> list[str]:
        """Why the reader cannot confirm ``row``, in sentences."""
        return texts(self.problems(row))

    def steps(
        self, view: SecretariatView, row: Any, *, confirm: Any = "", ending: tuple[Any, Any] = ("", "")
    ) -> list[Step]:
        """What the reader may do about ``row`` if it waits.

        Also on the page of what it is about; where that page knows other proposals too, it names the acts.
        """
        if not self.waits(row):
            return []
        steps = []
        if view.allows(self.confirm) and not self.problems(row):
            url = view.get_url(f"{self.endpoint}.confirm", id=row.id)
            steps.append(Step(confirm or _("起案の内容を確認する"), url))
        url = view.get_url(f"{self.endpoint}.withdraw", id=row.id)
        return steps + ending_step(view, row, url, (self.propose, self.confirm), ending)

    def later(self, view: SecretariatView, row: Any) -> tuple[Any, Any] | None:
        """(head, sentence) of why the reader cannot confirm a ``row`` that waits."""
        if not self.waits(row):
            return None
        head, past = _("確認は、まだできません"), promised.past(row)
        if not view.allows(self.confirm):
            return past or (head, _("確認できるのは、承認者の役割を持つ、起案した人とは別の人です。"))
        reasons = self.against(row)
        return (past[0] if past else head, " ".join(reasons)) if reasons else None


@dataclass(frozen=True)
class Confirmation:
    """The page that asks the second person, in the subject's words."""

    title: Any
    say: Any
    verb: Any
    #: what will be made or sent
    makes: Sequence[Any] = ()
    warn: tuple[Any, Any] | None = None
    danger: bool = False


class ProposalView(WaitingFirst):
    """The queue of one kind of proposal with the second person's pages."""

    proposals: ClassVar[Proposals]
    #: what the withdrawal leaves as it was: in the question, and afterwards
    withdrawal_says: Any
    withdrawal_told: Any

    # ---- what a subject says

    def shown(self, row: Any) -> list[tuple[Any, Any]]:
        """What is proposed, as facts; who, when and why are added here."""
        raise NotImplementedError(f"{type(self).__name__}.shown")

    def confirmation(self, row: Any) -> Confirmation:
        """How the second person is asked."""
        raise NotImplementedError(f"{type(self).__name__}.confirmation")

    def figures(self, row: Any) -> Mapping[str, Any]:
        """What the page says beside the proposal that may change without it, as the service compares it.

        A proposal is mostly its own figures, which its version holds.
        """
        return {}

    def service_confirm(self, row_id: int, version: int, seen: str) -> Any:
        """Confirm through the subject's service; ``seen`` is the mark of :meth:`figures`."""
        raise NotImplementedError(f"{type(self).__name__}.service_confirm")

    def attempt(self, row: Any) -> Attempt | None:
        """How a refused confirmation is recorded; only what moves allowances is."""
        return None

    def service_withdraw(self, row_id: int, version: int, reason: str | None) -> Any:
        """Take it back through the subject's service."""
        raise NotImplementedError(f"{type(self).__name__}.service_withdraw")

    def confirmed_told(self, row: Any) -> Any:
        """What the page says after the confirmation."""
        raise NotImplementedError(f"{type(self).__name__}.confirmed_told")

    def address_after(self, row: Any) -> str:
        """Where to go after either act: the page of what it was about."""
        return str(self.get_url(".details_view", id=row.id))

    # ---- the same for all

    def permission_of(self, method: str) -> Permission | None:
        own = {"confirm": self.proposals.confirm, "withdraw": self.proposals.propose}
        return own.get(method) or super().permission_of(method)

    def steps_for(self, model: Any) -> Sequence[Step]:
        return self.proposals.steps(self, model)

    def later_for(self, model: Any) -> tuple[Any, Any] | None:
        return self.proposals.later(self, model)

    def _proposal(self) -> Any:
        return self.get_one(request.args.get("id", ""))

    def _ask(self, form: Any, row: Any, words: Confirmation) -> Any:
        back = str(self.get_url(".details_view", id=row.id))
        facts = self.shown(row)
        if getattr(row, "reason", None):
            facts.append((_("理由"), row.reason))
        facts += [(_("起案した人"), row.proposed_by.name), (_("起案した日時"), moment(row.proposed_at))]
        facts += promised.fact(row)
        parents = [(self.name, self.get_url(".index_view")), (self.title_of(row), back)]
        question = Question(
            words.title,
            parents,
            words.say,
            words.verb,
            back,
            facts=facts,
            makes=words.makes,
            warn=words.warn,
            danger=words.danger,
        )
        return self.asked(form, row, question)

    def asked(self, form: Any, row: Any, question: Question) -> Any:
        """The page that asks; a subject may show more of ``row`` on it."""
        return ask(self, form, question)

    @page("/confirm/", Permission.RECORD_VIEW, methods=_ASKS)
    def confirm(self) -> Any:
        """The second person says yes, on a page that says in words what will happen."""
        row = self._proposal()
        if (away := not_offered(self, row)) is not None:
            return away
        form, row_id = ConfirmForm(data={"version": row.version}), row.id
        attempt = self.attempt(row)

        def work() -> Any:
            form.prove()
            return self.service_confirm(row_id, form["version"].data, form["seen"].data or "")

        if submitted(form, work, attempt=attempt) is not None:
            row = self._proposal()
            flash(str(self.confirmed_told(row)), "good")
            return redirect(self.address_after(row))
        row = self._proposal()
        carry_figures(form, self.figures(row))
        return self._ask(form, row, self.confirmation(row))

    @page("/withdraw/", Permission.RECORD_VIEW, methods=_ASKS)
    def withdraw(self) -> Any:
        """Its proposer takes a proposal back, or another declines it; nothing else changes."""
        row = self._proposal()
        if (away := not_offered(self, row)) is not None:
            return away
        form, row_id, declining = ending_form(row), row.id, declines(row)
        title, say, told, declined = decline_words()
        done = submitted(
            form,
            lambda: self.service_withdraw(row_id, form["version"].data, form["reason"].data or None),
        )
        row = self._proposal()
        if done is not None:
            flash(str(declined if declining else self.withdrawal_told), "good")
            return redirect(self.address_after(row))
        if declining:
            return self._ask(form, row, Confirmation(title, say, title, makes=[told], danger=True))
        verb = _("起案を取り下げる")
        return self._ask(form, row, Confirmation(verb, self.withdrawal_says, verb, danger=True))
