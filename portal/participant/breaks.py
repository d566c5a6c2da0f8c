"""Where a line may not break: a figure keeps its unit, a date stays whole (mockups, "Breaks")."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

from portal.participant import pages

#: a figure with its unit, and the word that so much is left; a date of either language with its weekday;
#: an account number, a telephone number
_WHOLE = re.compile(
    r"(?:\u3042\u3068)?[−+]?[0-9][0-9,]* (?:JAA|jVER|t-CO2)"
    r"|[0-9]{4}\u5e74[0-9]{1,2}\u6708[0-9]{1,2}\u65e5(?:\W\w\W)?"
    r"|AST-[0-9]+"
    r"|0[0-9]{1,4}-[0-9]{1,4}-[0-9]{4}"
    r"|[0-9]{1,2} [A-Z][a-z]{2} [0-9]{4}"
    r"|t-CO2"
)


@pages.app_template_filter("unbroken")
def unbroken(text: str) -> Markup:
    """``text``, escaped, with its figures and dates held together."""
    # escaped before: only the span is ours
    return Markup(_WHOLE.sub(r'<span class="as-nb">\g<0></span>', str(escape(text))))  # noqa: S704
