"""What every page's foot leads to: manual, contact, personal data, accessibility. None needs a login.

The manual's chapters for the office are shown to the office only, and B and verifiers read their own; all
else is the same for all readers.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, abort, g, render_template, send_from_directory, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal.permissions import Permission, Role
from portal.services import manual
from portal.web import reader, requires
from portal.web_text import locale_name

pages = Blueprint("about", __name__)
#: chapter → what it is called, in the reader's language
TITLES = {
    "holder": _l("目標保有者（AとB）"),
    "trader": _l("取引参加者"),
    "verifier": _l("検証機関"),
    "officer": _l("事務局 担当者"),
    "approver": _l("事務局 承認者"),
}


def _role() -> Role | None:
    user = reader()
    return Role(user.role) if user is not None else None


@pages.get("/manual")
@requires(Permission.PUBLIC)
def contents() -> str:
    """What holds for all roles, and the chapters, the reader's own first."""
    chapters = [(name, TITLES[name]) for name in manual.chapters_of(_role())]
    return render_template(
        "about/manual.html", chapters=chapters, chapter=manual.chapter(manual.COMMON, _role())
    )


@pages.get("/manual/<chapter>")
@requires(Permission.PUBLIC)
def chapter(chapter: str) -> str:
    """One chapter."""
    if chapter not in manual.chapters_of(_role()):
        abort(404)
    found = manual.chapter(chapter, _role())
    return render_template("about/chapter.html", name=TITLES[chapter], chapter=found)


@pages.get("/manual/pictures/<file>")
@requires(Permission.PUBLIC)
def picture(file: str) -> Any:
    """A picture of a chapter that the reader is shown."""
    if file not in manual.pictures_of(_role()):
        abort(404)
    g.may_be_kept = file in manual.pictures_of(None)
    return send_from_directory(manual.FOLDER / "pictures", file, mimetype="image/png")


@pages.get("/contact")
@requires(Permission.PUBLIC)
def contact() -> str:
    """Where the office is reached, as this installation's settings have it."""
    return render_template("about/contact.html", office_address=g.settings.office_address)


@pages.get("/privacy")
@requires(Permission.PUBLIC)
def privacy() -> str:
    """What is recorded of people, what for, who reads it."""
    return render_template("about/privacy.html", idle_minutes=g.settings.idle_minutes)


@pages.get("/accessibility")
@requires(Permission.PUBLIC)
def accessibility() -> str:
    """What the pages try to be for everybody, how that is checked, and what is not proven."""
    return render_template("about/accessibility.html")


def links() -> dict[str, Any]:
    """The links of every page's foot."""
    # a page without a session (the public's, a fault's) tells its language in the address
    language = locale_name() if g.get("frame_closed") else None
    named = (
        ("contents", _("操作マニュアル")),
        ("contact", _("お問い合わせ")),
        ("privacy", _("個人情報の取扱い")),
        ("accessibility", _("アクセシビリティ")),
    )
    found = [{"label": word, "url": url_for(f"about.{name}", lang=language)} for name, word in named]
    return {"footer_links": found}


def install(app: Flask) -> None:
    """Hang the pages on ``app`` and their links on every foot."""
    app.register_blueprint(pages)
    app.context_processor(links)
