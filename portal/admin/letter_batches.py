"""Printing many letters as one PDF: asked for here, made by the worker, fetched once it is ready.

The key that opens the PDF is made when the page asks, and lives in the clerk's session cookie only.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from io import BytesIO
from typing import Any, ClassVar

from flask import flash, make_response, redirect, request, send_file
from flask import session as cookie
from flask_admin.base import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from wtforms import HiddenField

from portal import clock
from portal.admin import formats
from portal.admin.acts import ProvenForm, Question, VersionForm, ask, submitted
from portal.admin.base import SecretariatView, Step
from portal.admin.door import page
from portal.admin.event_words import history
from portal.admin.filters import ChoiceFilter
from portal.admin.letter_formats import addressee, kind_word
from portal.admin.offered import not_offered
from portal.errors import PortalError, Problem, Refusal
from portal.extensions import db_session
from portal.models import BatchState, JobState, Letter, LetterBatch, LetterState
from portal.permissions import Permission
from portal.services import documents, letter_batches, letter_printing, sealed
from portal.web import actor, carry_out, texts
from portal.web_forms import KeyField
from portal.web_text import badge, label, moment

_KEY = "letter_key"
#: how long a page that waits for the worker looks again by itself
PATIENCE = timedelta(minutes=15)
LOOKS_AGAIN = "3"  # seconds
#: how many letters a page that asks names one by one
NAMED = 20


def keys_asked(name: str) -> list[int]:
    """The row numbers the address names, each once."""
    found = [key for key in request.args.getlist(name) if key.isascii() and key.isdigit() and len(key) < 16]
    return list(dict.fromkeys(int(key) for key in found))[: letter_printing.MOST]


def pairs(text: str | None) -> dict[int, int]:
    """``3:1,5:2`` as {3: 1, 5: 2}; what is not written so is nothing."""
    found = {}
    for one in (text or "").split(","):
        key, _colon, version = one.partition(":")
        if all(part.isascii() and part.isdigit() and len(part) < 16 for part in (key, version)):
            found[int(key)] = int(version)
    return found


def shortened(names: Sequence[str]) -> list[str]:
    """The first names, and how many more there are."""
    shown = list(names[:NAMED])
    more = len(names) - len(shown)
    return [*shown, _("ほか%(n)s通", n=more)] if more else shown


def private_key(*, make: bool = False) -> bytes | None:
    """This login's key in this browser's cookie."""
    owner, _colon, kept = str(cookie.get(_KEY, "")).partition(":")
    try:
        found = b64decode(kept, validate=True) if owner == str(actor().id) else b""
    except (NotBase64, ValueError):
        found = b""
    if len(found) == sealed.KEY_BYTES:
        return found
    if not make:
        return None
    found = sealed.new_private_key()
    cookie[_KEY] = f"{actor().id}:{b64encode(found).decode()}"
    return found


def fits(batch: LetterBatch) -> bool:
    """Whether the PDF opens for whoever asks, in this browser."""
    key = private_key()
    own = batch.created_by_id == actor().id
    return own and key is not None and sealed.public_of(key) == batch.public_key


def state_badge(batch: LetterBatch) -> Any:
    """The state in words; a PDF that is there but does not open here, or not any more, is called so."""
    if batch.state is not BatchState.READY or (fits(batch) and not letter_batches.is_over(batch)):
        return badge(batch.state)
    word = _("期限切れ") if letter_batches.is_over(batch) else _("このブラウザーでは開けません")
    return Markup('<span class="as-badge as-badge--off">{}</span>').format(word)


class StartForm(ProvenForm):
    """The printing of many letters: hundreds of passwords change at once."""

    version = None  # type: ignore[assignment]
    key = KeyField()
    chosen = HiddenField()


class LetterBatchView(SecretariatView):
    """通知書のまとめ印刷."""

    permission_view = Permission.REGISTRATION_VIEW
    column_list = ("created_at", "created_by.name", "state", "letters", "ready_at", "fetched_at")
    column_default_sort = ("created_at", True)
    column_sortable_list = ("created_at",)
    column_labels: Any = {
        "created_at": _l("印刷の依頼"),
        "created_by.name": _l("印刷を依頼した人"),
        "state": _l("状態"),
        "letters": _l("通知書"),
        "ready_at": _l("PDFの完成"),
        "fetched_at": _l("ダウンロード"),
    }
    column_figures = frozenset({"letters"})
    column_units: ClassVar[Mapping[str, Any]] = {"letters": _l("通")}
    column_formatters: Any = {
        "state": lambda _view, _context, model, _name: state_badge(model),
        "letters": formats.figure,
    }
    column_filters: Any = (
        ChoiceFilter(LetterBatch.state, _l("状態"), lambda: [(s, label(s)) for s in BatchState]),
    )
    details_template = "admin/letter/batch.html"

    def get_query(self) -> Any:
        return super().get_query().options(joinedload(LetterBatch.created_by), joinedload(LetterBatch.job))

    def title_of(self, model: LetterBatch) -> str:
        return _("%(at)sのまとめ印刷", at=moment(model.created_at))

    def history_of(self, model: LetterBatch) -> Sequence[tuple[Any, ...]]:
        return history(db_session(), [("letter_batch", [model.id])])

    # ---- the row's page

    def steps_for(self, model: LetterBatch) -> Sequence[Step]:
        if not self.allows(Permission.LETTER_PRINT):
            return ()
        steps = []
        own = model.created_by_id == actor().id
        lives = model.state is BatchState.READY and not letter_batches.is_over(model)
        if lives and fits(model):
            url = self.get_url(".file_view", id=model.id)
            steps.append(Step(_("PDFをダウンロードする"), url, "", post=True))
        if lives and own:
            steps.append(Step(_("印刷できたので消去する"), self.get_url(".destroy_view", id=model.id)))
        if letter_batches.to_post(db_session(), model):
            if model.fetched_at is not None:  # what was never downloaded is on no paper
                url = self.get_url("letter.post_together_view", batch=model.id)
                steps.append(Step(_("発送をまとめて記録する"), url))
            if not (lives and fits(model)):
                again = self.get_url(".start_view", again=model.id)
                # whoever cannot open the PDF any more needs just this
                steps.insert(
                    0 if lives and own else len(steps), Step(_("もう一度まとめて印刷する"), again, "other")
                )
        return steps

    def details_context(self, model: LetterBatch) -> dict[str, Any]:
        problems, numbers = letter_batches.why_failed(model)
        job = model.job
        query = select(Letter).where(Letter.id.in_(model.letter_ids))
        found = {letter.id: letter for letter in db_session.scalars(query)}
        return {
            "problems": texts(problems),
            "numbers": numbers,
            "addressee": addressee,
            "kind_word": kind_word,
            "given_up": job is not None and job.state is JobState.FAILED,
            "percent": 100 * job.progress // job.total if job is not None and job.total else 0,
            "rows": [found[one] for one in model.letter_ids if one in found],
            "over": letter_batches.is_over(model),
            "opens_here": fits(model),
            "badge": state_badge(model),
            "own": model.created_by_id == actor().id,
            "to_post": len(letter_batches.to_post(db_session(), model)),
        }

    @expose("/details/")
    def details_view(self) -> Any:
        row = self._existing(True)
        answer = make_response(super().details_view())
        waits = row.state is BatchState.QUEUED and row.job is not None
        if waits and row.job.state is not JobState.FAILED and clock.now() - row.created_at < PATIENCE:
            answer.headers["Refresh"] = LOOKS_AGAIN
        return answer

    # ---- acts

    def _row(self) -> LetterBatch:
        row: LetterBatch = self.get_one(request.args.get("id", ""))
        return row

    def _chosen(self) -> tuple[list[Letter], Collection[LetterState]]:
        """The letters the address names (a batch, a choice, or all), and what else may be printed."""
        session = db_session()
        if again := keys_asked("again"):
            return letter_batches.to_post(session, self.get_one(again[0])), letter_printing.AGAIN
        ids = keys_asked("id")
        query = select(Letter).where(Letter.id.in_(ids or letter_printing.waiting_ids(session)))
        rows = list(session.scalars(query.order_by(Letter.id)))
        # who chooses a letter that came back wants it printed once more
        return rows, (LetterState.RETURNED,)

    @page("/start/", Permission.LETTER_PRINT, methods=("GET", "POST"))
    def start_view(self) -> Any:
        """Ask, then queue the printing."""
        rows, also = self._chosen()
        states = {LetterState.WAITING, *also}
        chosen = [row for row in rows if row.state in states]
        instead_of = self._instead_of()
        if request.method == "GET" and (away := self._not_now(chosen, instead_of)) is not None:
            return away
        public = sealed.public_of(private_key(make=True) or b"")
        form = StartForm(data={"chosen": ",".join(str(row.id) for row in chosen)})
        made = submitted(
            form,
            lambda: (
                letter_printing.start(
                    db_session(),
                    _numbers(form["chosen"].data),
                    public,
                    actor=actor(),
                    also=also,
                    instead_of=instead_of,
                    key=form["key"].data,
                ).id
            ),
        )
        if made is not None:
            return redirect(self.get_url(".details_view", id=made))
        rows, _also = self._chosen()
        return ask(self, form, self._question(rows, states, lost=instead_of is not None))

    def _instead_of(self) -> int | None:
        """The reader's own PDF that is printed again because it does not open here: it goes first."""
        again = keys_asked("again")
        row = self.get_one(again[0]) if again else None
        if row is None or row.created_by_id != actor().id or row.state is not BatchState.READY or fits(row):
            return None
        return int(row.id)

    def _not_now(self, chosen: Sequence[Letter], instead_of: int | None) -> Any:
        """On GET: where to go instead, with a word."""
        open_one = letter_batches.unfinished(db_session(), actor())
        if open_one is not None and open_one.id != instead_of:
            flash(texts([Problem(Refusal.BATCH_OPEN)])[0], "warn")
            return redirect(self.get_url(".details_view", id=open_one.id))
        if not chosen:
            flash(texts([Problem(Refusal.LETTERS_NONE)])[0], "warn")
            return redirect(self.get_url("letter.index_view"))
        return None

    def _question(
        self, rows: Sequence[Letter], states: Collection[LetterState], *, lost: bool = False
    ) -> Question:
        chosen = [row for row in rows if row.state in states]
        others = [row for row in rows if row.state not in states]
        logins = {login["login_id"] for row in chosen for login in row.content["logins"]}
        facts = [
            (_("通知書"), ngettext("%(n)s通", "%(n)s通", len(chosen), n=len(chosen))),
            (_("新しくなるパスワード"), _("ログイン%(n)s件分", n=len(logins))),
            (_("印刷する順"), _("郵便番号と住所の順（同じ送り先は続けて）")),
        ]
        if others:
            names = _("、").join(shortened([row.number for row in others]))
            facts.append((_("印刷しない通知書（印刷待ちではないもの）"), names))
        if lost:
            facts.append((_("開けなくなったPDF"), _("印刷を始めるときに消去します。")))
        parents = [
            (_("通知書の印刷"), self.get_url("letter.index_view")),
            (self.name, self.get_url(".index_view")),
        ]
        return Question(
            _("まとめて印刷する"),
            parents,
            say=_("初期パスワードを作り、1つのPDFにします。できあがるまで数分かかることがあります。")
            if logins
            else _("通知書を1つのPDFにします。できあがるまで数分かかることがあります。"),
            verb=ngettext("%(n)s通を印刷する", "%(n)s通を印刷する", len(chosen), n=len(chosen)),
            back=self.get_url("letter.index_view"),
            facts=facts,
            warn=(
                _("PDFは、このブラウザーで1時間だけダウンロードできます。"),
                _(
                    "パスワードが載っているため、暗号化して置き、1時間後に消去します。"
                    "ログアウトすると開けなくなることがあります。紙に印刷し終わるまで、この画面を使ってください。"
                ),
            ),
        )

    @page("/file/", Permission.LETTER_PRINT, methods=("POST",))
    def file_view(self) -> Any:
        """The PDF, opened with the key of this browser."""
        row = self._row()
        row_id, at = row.id, clock.in_tokyo(row.created_at)
        back = self.get_url(".details_view", id=row_id)
        key = private_key()
        pdf = self._or_refusal(lambda: letter_batches.fetch(db_session(), row_id, key, actor=actor()))
        if pdf is None:
            return redirect(back)
        name = f"{_('通知書')}_{at:%Y%m%d-%H%M}.pdf"
        return send_file(BytesIO(pdf), mimetype=documents.PDF, as_attachment=True, download_name=name)

    @staticmethod
    def _or_refusal(work: Callable[[], bytes]) -> bytes | None:
        try:
            return carry_out(work)
        except PortalError as refused:
            for text in texts(refused.problems):
                flash(text, "bad")
            return None

    @page("/destroy/", Permission.LETTER_PRINT, methods=("GET", "POST"))
    def destroy_view(self) -> Any:
        """Ask, then destroy the PDF."""
        row = self._row()
        if (away := not_offered(self, row)) is not None:
            return away
        row_id = row.id
        form = VersionForm(data={"version": row.version})
        done = submitted(form, lambda: letter_batches.destroy(db_session(), row_id, actor=actor()))
        back = str(self.get_url(".details_view", id=row_id))
        if done is not None:
            if not letter_batches.lives(db_session(), actor()):
                cookie.pop(_KEY, None)
            flash(_("PDFを消去しました。通知書を送ったら、発送日を記録してください。"), "good")
            return redirect(back)
        row = self._row()
        question = Question(
            _("PDFを消去する"),
            [(self.name, self.get_url(".index_view")), (self.title_of(row), back)],
            say=_("PDFを消去します。消去すると、もうダウンロードできません。"),
            verb=_("PDFを消去する"),
            back=back,
            facts=[(_("通知書"), ngettext("%(n)s通", "%(n)s通", row.letters, n=row.letters))],
            warn=(
                _("すべて紙に印刷できましたか。"),
                _("ダウンロードしたファイルも、印刷し終わったらパソコンから削除してください。"),
            ),
            danger=True,
        )
        return ask(self, form, question)


def _numbers(text: str | None) -> list[int]:
    """The row numbers of a form; what is no number is none."""
    parts = (text or "").split(",")
    return [int(one) for one in parts if one.isascii() and one.isdigit() and len(one) < 16]


def views() -> list[Any]:
    """The screens of this subject."""
    return [LetterBatchView(LetterBatch, name=_l("通知書のまとめ印刷"), endpoint="letter_batch")]
