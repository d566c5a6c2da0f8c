"""A small house around the base view: two ships instead of companies, every role of the portal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import flask_babel
from flask import Flask, g, request
from flask_admin.base import Admin
from flask_login import LoginManager, UserMixin
from sqlalchemy import StaticPool, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from wtforms import IntegerField, StringField
from wtforms.validators import InputRequired

from portal import web_breaks, web_spoken, web_text
from portal.admin.base import SecretariatView, Step
from portal.admin.door import SecretariatIndex, SecretariatPage, page
from portal.admin.filters import ChoiceFilter, FromDayFilter, YesNoFilter
from portal.admin.formats import figure, state, two_lines
from portal.admin.forms import AdminForm
from portal.errors import Refusal, refuse
from portal.extensions import csrf, db_session
from portal.models import AccountState
from portal.models.base import Moment, enum_type
from portal.permissions import Permission, Role
from portal.settings import ROOT


class Base(DeclarativeBase):
    type_annotation_map = {datetime: Moment()}


class Ship(Base):
    __tablename__ = "ship"
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str]
    name: Mapped[str]
    kana: Mapped[str]
    state: Mapped[AccountState] = mapped_column(enum_type(AccountState, "state"))
    tons: Mapped[int | None]
    sealed: Mapped[bool] = mapped_column(default=False)
    hidden: Mapped[bool] = mapped_column(default=False)
    built: Mapped[date]
    seen: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)


class Clerk(UserMixin, Base):
    __tablename__ = "clerk"
    id: Mapped[int] = mapped_column(primary_key=True)
    role: Mapped[Role] = mapped_column(enum_type(Role, "role"))


class ShipForm(AdminForm):
    name = StringField("船名", validators=[InputRequired("入力してください。")], description="登録のとおり。")
    tons = IntegerField("総トン数", validators=[InputRequired("数字を入力してください。")])


class ShipView(SecretariatView):
    permission_view = Permission.REGISTRATION_VIEW
    permission_edit = Permission.REGISTRATION_EDIT
    can_create = True
    can_edit = True
    column_list = ["number", "name", "state", "tons", "sealed", "built", "seen"]
    column_details_list = ["number", "name", "state", "tons", "sealed", "built", "seen"]
    column_default_sort = ("number", False)
    column_sortable_list = ["number", "name", "built"]
    column_searchable_list = ["name", "kana", "number"]
    column_labels = {
        "number": "番号",
        "name": "船名",
        "state": "状態",
        "tons": "総トン数",
        "sealed": "封印",
        "built": "建造日",
        "seen": "最終確認",
    }
    column_figures = frozenset({"tons"})
    column_units = {"tons": "t"}
    column_formatters = {
        "state": state,
        "tons": figure,
        "name": two_lines("kana"),
    }
    column_filters = [
        ChoiceFilter(Ship.state, "状態", lambda: [(s, web_text.label(s)) for s in AccountState]),
        YesNoFilter(Ship.sealed, "封印", "あり", "なし"),
        FromDayFilter(Ship.built, "建造日（から）"),
    ]
    search_help = "船名（漢字・かな）、番号で探せます。"
    form = ShipForm

    def scope(self, query: Any) -> Any:
        return query.filter(Ship.hidden.is_(False))

    def steps_for(self, model: Ship) -> list[Step]:
        steps = [
            Step("出航させる", self.get_url(".sail_view", id=model.id), "", True, confirm="よろしいですか。")
        ]
        return steps if self.allows(Permission.REGISTRATION_DECIDE) else []

    def later_for(self, model: Ship) -> tuple[str, str]:
        return "廃船は、まだできません", "停泊してから1年たつと、ここに「廃船にする」が出ます。"

    def history_of(self, model: Ship) -> list[tuple[Any, ...]]:
        return [(model.seen, "沖で確認しました", "事務 一子", True)]

    def title_of(self, model: Ship) -> str:
        return model.name

    @page("/sail/", Permission.REGISTRATION_DECIDE, methods=("POST",))
    def sail_view(self) -> str:
        return str(self.get_one(request.args["id"]).name)

    @page("/broken/", Permission.REGISTRATION_VIEW)
    def broken_view(self) -> str:
        g.calls = getattr(g, "calls", 0) + 1
        raise TypeError("secret words")

    def service_create(self, form: Any) -> Ship:
        ship = Ship(number="N9", name=form.name.data, kana="", tons=form.tons.data)
        ship.state, ship.built = AccountState.SUSPENDED, date(2015, 4, 1)
        ship.seen = datetime(2015, 4, 1, tzinfo=UTC)
        db_session.add(ship)
        db_session.flush()
        if form.tons.data > 9999:
            raise refuse(Refusal.TOO_LONG, "tons", limit=9999, n=9999)
        return ship

    def service_update(self, form: Any, model: Ship) -> Ship:
        if form.version.data != model.version:
            raise refuse(Refusal.STALE_PAGE)
        model.name, model.version = form.name.data, model.version + 1
        return model


class Queue(SecretariatPage):
    permission_view = Permission.RECORD_VIEW

    @page("/", Permission.RECORD_VIEW)
    def index(self) -> str:
        return self.render("admin/index.html")


class Home(SecretariatIndex):
    permission_view = Permission.SIGNED_IN

    @page("/", Permission.SIGNED_IN)
    def index(self) -> str:
        return self.render("admin/index.html")


def _dressed(app: Flask) -> None:
    web_text.install(app)
    web_breaks.install(app)
    web_spoken.install(app)
    viewer = SimpleNamespace(
        name="事務 一子", login_id="office-1", role_label="事務局 担当者", affiliation="", room="admin"
    )
    item = SimpleNamespace(label="船", url="/admin/ship/", current=True, count=12)
    nav = [SimpleNamespace(label="参加者", items=[item])]
    app.context_processor(
        lambda: {
            "locale": str(flask_babel.get_locale()),
            "viewer": viewer,
            "nav": nav,
            "demonstration": SimpleNamespace(now=datetime(2015, 10, 15, 9, tzinfo=UTC), clock_url="/clock"),
            "language_url": lambda locale: f"?lang={locale}",
            "logout_url": "/logout",
            "csp_nonce": "nonce-1",
        }
    )


@contextmanager
def small_house(ships: int = 120, protect: bool = True) -> Iterator[Flask]:
    """An application with the base view over ``ships`` ships; who asks is said in the header ``X-Role``."""
    app = Flask("portal", template_folder=str(ROOT / "templates"))
    app.config.update(SECRET_KEY="a" * 40, TESTING=True, WTF_CSRF_ENABLED=protect)
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(ROOT / "portal" / "translations")
    app.config["BABEL_DOMAIN"] = "layout"
    flask_babel.Babel(app, default_locale="ja", locale_selector=lambda: request.args.get("lang", "ja"))
    csrf.init_app(app)
    login = LoginManager(app)

    def who(asked: Any) -> Any:
        role = asked.headers.get("X-Role")
        return db_session.query(Clerk).filter_by(role=Role(role)).one() if role else None

    login.request_loader(who)
    app.add_url_rule("/login", "security.login", lambda: "login")
    _dressed(app)
    admin = Admin(app, name="ASSET", url="/admin", index_view=Home(url="/admin"))
    admin.add_view(ShipView(Ship, name="船", endpoint="ship"))
    admin.add_view(Queue(name="順番", endpoint="queue"))
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    Base.metadata.create_all(engine)
    db_session.remove()
    db_session.configure(bind=engine)
    db_session.add_all([*_fleet(ships), *(Clerk(role=role) for role in Role)])
    db_session.commit()
    try:
        yield app
    finally:
        db_session.remove()
        db_session.configure(bind=None)
        engine.dispose()


def _fleet(count: int) -> list[Ship]:
    return [
        Ship(
            number=f"N{n:04}",
            name="=1+1丸" if n == 3 else f"第{n}つばめ丸",
            kana="つばめまる",
            state=AccountState.OPEN if n % 3 else AccountState.SUSPENDED,
            tons=None if n == 2 else 1000 + n,
            sealed=n % 2 == 0,
            hidden=n == 5,
            built=date(2000 + n % 15, 4, 1),
            seen=datetime(2015, 10, 1, 3, n % 60, tzinfo=UTC),
        )
        for n in range(1, count + 1)
    ]
