"""Where a line may not break: a figure keeps its unit, a date stays whole (mockups, "Breaks")."""

from __future__ import annotations

import re

from flask import Flask
from markupsafe import Markup, escape

#: a figure with its unit, and the word that so much is left; a date of either language with its weekday;
#: an account number, a telephone number, a phase; what is quoted: numbers of ledger, application and error;
#: a short company name, with its bracket
_WHOLE = re.compile(
    r"(?:\u3042\u3068)?[−+]?[0-9][0-9,]* (?:JAA|jVER|t-CO2)"
    r"|[0-9]{4}\u5e74[0-9]{1,2}\u6708[0-9]{1,2}\u65e5(?:\W\w\W)?"
    r"|AST-[0-9]+|[BT]-[0-9]{6,}|E-[0-9]{8}-[0-9A-F]{6}"
    r"|(?:\u7b2c[0-9]+\u671f|Phase [0-9]+)(?: JAA)?"
    r"|[\uff08(]?[^\s<>&\uff08\uff09()\u3001\u3002\u300c\u300d]{1,8}(?:\u682a\u5f0f|\u6709\u9650|\u5408\u540c)\u4f1a\u793e"
    r"|0[0-9]{1,4}-[0-9]{1,4}-[0-9]{4}"
    r"|[0-9]{1,2} [A-Z][a-z]{2} [0-9]{4}"
    r"|t-CO2"
)
#: the numbers of ledger and application alone; a sentence of either language with its full stop
_NUMBER = re.compile(r"[BT]-[0-9]{6,}")
_PARTS = re.compile(r".+?(?:\u3002|[.](?=\s+[A-Z])|$)", re.DOTALL)
_MANY = 3


def unbroken(text: str) -> Markup:
    """``text``, escaped, with its figures and dates held together."""
    # escaped before: only the span is ours
    return Markup(_WHOLE.sub(r'<span class="as-nb">\g<0></span>', str(escape(text))))  # noqa: S704


def sentences(text: str) -> Markup:
    """A heading of several sentences: a line breaks before one of them, not inside; numbers stay whole."""
    parts = _PARTS.findall(text)
    if len(parts) < 2:
        return _numbered(text)
    # the space of English stands between the boxes: a box drops its own
    between = escape(" " if parts[1][0].isspace() else "")
    return between.join(
        Markup('<span class="as-phrase">{}</span>').format(_numbered(one.strip())) for one in parts
    )


def news(text: str) -> tuple[Markup, Markup]:
    """(what is said in bold, what follows it): more than two sentences are too many for a heading."""
    parts = _PARTS.findall(text)
    if len(parts) < _MANY:
        return _numbered(text), Markup("")
    return _numbered(parts[0].strip()), _numbered("".join(parts[1:]).strip())


def _numbered(text: str) -> Markup:
    # escaped before: only the span is ours
    return Markup(_NUMBER.sub(r'<span class="as-nb">\g<0></span>', str(escape(text))))  # noqa: S704


def install(app: Flask) -> None:
    """Give the templates of both rooms their filters."""
    app.jinja_env.filters.update(unbroken=unbroken, sentences=sentences, news=news)
