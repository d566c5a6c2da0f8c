"""The one door of the secretariat's room: closed unless a page names a permission and the reader holds it.

Flask-Admin's own defaults are open: every view is accessible, every exposed method too. Here each
exposed method answers to a permission, and :meth:`ClosedDoor.permission_of` tells it to the test
that walks the URL map.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar

from flask import abort, redirect, url_for
from flask_admin.base import AdminIndexView, BaseView, expose
from flask_login import current_user

from portal.permissions import SECRETARIAT, Permission, Role, may
from portal.web_refill import page_of_request

F = TypeVar("F", bound=Callable[..., Any])

#: methods of Flask-Admin that change something
CHANGING = frozenset({"create_view", "edit_view", "delete_view", "action_view", "ajax_update"})
#: methods of Flask-Admin that no screen of ours uses: they do not exist
ABSENT = frozenset({"ajax_update", "ajax_lookup"})


def page(url: str, permission: Permission, methods: Sequence[str] = ("GET",)) -> Callable[[F], F]:
    """Expose a method of a view at ``url`` under a permission of its own (a step on the details page)."""

    def wrap(function: F) -> F:
        exposed: F = expose(url, methods=tuple(methods))(function)
        exposed.portal_permission = permission  # type: ignore[attr-defined]
        return exposed

    return wrap


def reader_role() -> Role | None:
    """The role of whoever is logged in; ``None`` for nobody."""
    user: Any = current_user
    return Role(user.role) if user.is_authenticated else None


class ClosedDoor:
    """What every view of the secretariat has in common. Mix in before Flask-Admin's class."""

    permission_view: ClassVar[Permission]
    permission_edit: ClassVar[Permission | None] = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not isinstance(getattr(self, "permission_view", None), Permission):
            raise TypeError(f"{type(self).__name__} names no permission_view")
        super().__init__(*args, **kwargs)

    def permission_of(self, method: str) -> Permission | None:
        """The permission an exposed method asks for; ``None`` if nobody may call it."""
        own = getattr(getattr(type(self), method, None), "portal_permission", None)
        if own is not None:
            return Permission(own)
        return self.permission_edit if method in CHANGING else self.permission_view

    def is_accessible(self) -> bool:
        """Whether the view stands in the reader's menu: a secretariat login with its permission."""
        role = reader_role()
        return role in SECRETARIAT and may(role, self.permission_view)

    def allows(self, permission: Permission | None) -> bool:
        """Whether the reader of this request holds ``permission`` in this room."""
        role = reader_role()
        return permission is not None and role in SECRETARIAT and may(role, permission)

    def _handle_view(self, name: str, **kwargs: Any) -> Any:
        role = reader_role()
        if role is None:
            return redirect(url_for("security.login", next=page_of_request()))
        if role not in SECRETARIAT or name in ABSENT:
            abort(404)  # for the participants this room does not exist
        if not self.is_accessible() or not self.allows(self.permission_of(name)):
            abort(403)
        return None

    def _run_view(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        # Flask-Admin calls a view again when it raised a TypeError; an act would happen twice
        return fn(self, *args, **kwargs)


class SecretariatPage(ClosedDoor, BaseView):
    """A page of the secretariat that is not a list of rows. Templates extend ``layout/secretariat.html``."""


class SecretariatIndex(ClosedDoor, AdminIndexView):
    """The secretariat's home."""
