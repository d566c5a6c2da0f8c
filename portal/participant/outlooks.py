"""What if: where a holder would stand after buying and retiring; asked in the address, nothing is kept."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request
from flask_babel import gettext as _

from portal import clock
from portal.errors import PortalError
from portal.services.compliance import Compliance, Figures, lacking, status, what_if
from portal.services.numbers import parse_quantity
from portal.web import texts
from portal.web_text import number

_FIELDS = ("retire", "retire_jver", "buy")


@dataclass(frozen=True)
class Outlook:
    """What was typed (and what is wrong with it), and the figures afterwards, if it can be said."""

    typed: dict[str, str]
    errors: dict[str, str]
    then: Figures | None
    state: Compliance | None
    say: tuple[str, ...] = ()

    @property
    def asked(self) -> bool:
        return any(self.typed.values())


def asked(figures: Figures, why_not: str = "") -> Outlook:
    """The outlook the address asks for: ``?retire=…&buy=…``, as people type figures; empty is none.

    ``why_not``: why nothing can be retired now, whatever the figures are.
    """
    typed = {name: request.args.get(name, "").strip()[:30] for name in _FIELDS}
    errors, wanted = {}, {}
    for name, text in typed.items():
        try:
            wanted[name] = parse_quantity(text, name) if text and text != "0" else 0
        except PortalError as error:
            errors[name] = " ".join(texts(error.problems))
    if errors or not any(typed.values()):
        return Outlook(typed, errors, None, None)
    now = clock.now()
    then = what_if(figures, now, **wanted)
    short = any(lacking(then))
    # what cannot be done has no verdict
    state = None if short else status(then, now)
    retires = wanted["retire"] or wanted["retire_jver"]
    first = (why_not,) if why_not and retires else ()
    return Outlook(typed, {}, then, state, (*first, *_sentences(then, state)))


def _sentences(then: Figures, state: Compliance | None) -> list[str]:
    """What follows, in words; first what stands in the way."""
    jaa, jver = lacking(then)
    found = []
    if jaa:
        found.append(_("この償却には、JAAがあと%(n)s足りません。", n=number(jaa)))
    if jaa and then.promised:
        found.append(_("手続き中の%(n)s JAAは、償却に使えません。", n=number(then.promised)))
    if jver:
        found.append(_("この償却には、jVERがあと%(n)s足りません。", n=number(jver)))
    if found:
        return found
    beyond = then.retired - then.target_emissions if then.target_emissions is not None else 0
    if then.missing is None:
        found.append(_("目標年度の排出量が承認されるまで、必要な償却量は決まりません。"))
    elif state is Compliance.MET:
        found.append(_("目標遵守となります。"))
    elif then.missing:
        found.append(_("償却は、あと%(n)s足りません。", n=number(then.missing)))
    else:
        found.append(_("必要な量の償却は済みますが、期限後のため目標遵守にはなりません。"))
    if beyond > 0:
        found.append(_("必要な量を%(n)s超えて償却することになります。", n=number(beyond)))
    return found
