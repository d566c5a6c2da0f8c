"""The closed base view of every list of rows in the secretariat's room.

Flask-Admin 2.2 is open by default and lets several things pass that the house forbids; this class
closes them once: its queries do not guard edit and details, actions ask no permission, inline
editing ignores ``can_edit``, exports read whole tables, errors show the exception's text, and
rows are written by the view. Here rows are written by services only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from flask import abort, flash, redirect, request
from flask_admin.base import expose
from flask_admin.form import FormOpts
from flask_admin.helpers import get_redirect_target, is_form_submitted
from flask_babel import gettext as _

from portal.admin.filters import ListFilter
from portal.admin.formats import TYPE_FORMATTERS, outcome, value_of
from portal.admin.forms import AdminForm, VersionField, show_problems
from portal.admin.listing import RowList
from portal.errors import PortalError
from portal.extensions import db_session
from portal.permissions import Permission
from portal.web import carry_out

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Step:
    """One act a details page offers now. What is not allowed is absent, never grey.

    The first is dressed as the next step unless its ``tone`` is ``other``: an act that is seldom wanted.
    ``post`` sends a form at once (with ``fields``); otherwise the button leads to a page that asks.
    """

    label: Any
    url: str
    tone: str = "secondary"
    post: bool = False
    fields: Mapping[str, Any] = field(default_factory=dict)
    confirm: Any = ""


class SecretariatView(RowList):
    """A list of rows with details: facts, history and the acts allowed now.

    A subject names ``permission_view``, ``column_list`` and ``column_default_sort``; ``permission_edit``
    and ``form`` or ``form_columns`` if rows are made or changed, which then goes through
    :meth:`service_create` and :meth:`service_update`. Raises ``TypeError`` at start if one is missing.
    """

    can_create = False
    can_edit = False
    can_delete = False
    can_view_details = True
    can_export = True
    can_set_page_size = True
    page_size = 50
    page_size_options = (20, 50, 100)
    column_display_actions = False
    column_type_formatters = TYPE_FORMATTERS
    column_type_formatters_detail = TYPE_FORMATTERS
    column_type_formatters_export = {}
    action_disallowed_list = ("delete",)
    form_base_class = AdminForm
    list_template = "admin/model/list.html"
    create_template = "admin/model/create.html"
    edit_template = "admin/model/edit.html"
    details_template = "admin/model/details.html"

    #: columns of figures: right-aligned, with the unit in the head
    column_figures: ClassVar[frozenset[str]] = frozenset()
    column_units: ClassVar[Mapping[str, Any]] = {}
    #: what the search finds, in words
    search_help: Any = ""
    #: a permission per bulk action; the others ask for ``permission_edit``
    action_permissions: ClassVar[Mapping[str, Permission]] = {}
    create_label: Any = ""
    save_label: Any = ""

    def __init__(self, model: type[Any], *args: Any, **kwargs: Any) -> None:
        self._demand(bool(self.column_list), "column_list")
        self._demand(bool(self.column_default_sort), "column_default_sort")
        self._demand(
            not self.column_editable_list, "no column_editable_list: inline edits pass by the services"
        )
        self._demand(
            all(isinstance(one, ListFilter) for one in self.column_filters or ()),
            "column_filters of portal.admin.filters only",
        )
        if self.can_create or self.can_edit or self.can_delete:
            self._demand(isinstance(self.permission_edit, Permission), "permission_edit")
        if self.can_create or self.can_edit:
            self._demand(bool(self.form or self.form_columns), "form or form_columns")
        super().__init__(model, db_session, *args, **kwargs)

    def _demand(self, given: bool, what: str) -> None:
        if not given:
            raise TypeError(f"{type(self).__name__} must name: {what}")

    # ---- what a subject fills in

    def steps_for(self, model: Any) -> Sequence[Step]:
        """The acts allowed now, the next one first; ask :meth:`allows` for each."""
        return ()

    def later_for(self, model: Any) -> tuple[Any, Any] | None:
        """What is not allowed yet and when it will be: (head, sentence)."""
        return None

    def history_of(self, model: Any) -> Sequence[tuple[Any, ...]]:
        """What happened, newest first: (moment, what, who, whether it is the present state)."""
        return ()

    def title_of(self, model: Any) -> Any:
        """The row's name: the h1 of its page."""
        return str(value_of(model, str(self._list_columns[0][0])) or self.get_pk_value(model))

    def details_context(self, model: Any) -> dict[str, Any]:
        """More for the details template."""
        return {}

    def service_create(self, form: Any) -> Any:
        """Make the row through a service and return it. Raises :class:`PortalError` if refused."""
        raise NotImplementedError(f"{type(self).__name__}.service_create")

    def service_update(self, form: Any, model: Any) -> Any:
        """Change the row through a service; ``form.version`` is the version the page showed."""
        raise NotImplementedError(f"{type(self).__name__}.service_update")

    def service_delete(self, model: Any) -> None:
        """Take the row away through a service."""
        raise NotImplementedError(f"{type(self).__name__}.service_delete")

    def saved_text(self, model: Any, created: bool) -> str:
        return _("記録しました。") if created else _("変更を保存しました。")

    def is_action_allowed(self, name: str) -> bool:
        wanted = self.action_permissions.get(name, self.permission_edit)
        return name not in self.action_disallowed_list and self.allows(wanted)

    def permission_of(self, method: str) -> Permission | None:
        # a bulk action asks for its own permission, see is_action_allowed
        if method == "action_view" and self.action_permissions:
            return self.permission_view
        return super().permission_of(method)

    def handle_view_exception(self, exc: Exception) -> bool:
        log.error("refused by the database in %s", type(self).__name__, exc_info=exc)
        flash(_("保存できませんでした。もう一度お試しください。"), "error")
        return True

    # ---- forms

    def scaffold_form(self) -> Any:
        # without a form of its own a view must not build one from every column and relationship
        return super().scaffold_form() if self.form_columns else AdminForm

    def get_edit_form(self) -> Any:
        form = super().get_edit_form()
        if not hasattr(self.model, "version") or hasattr(form, "version"):
            return form
        return type(form.__name__, (form,), {"version": VersionField()})

    def _carry_out(self, form: Any, work: Callable[[], Any]) -> Any:
        try:
            return carry_out(work)
        except PortalError as refused:
            show_problems(form, refused)
            return None

    def create_model(self, form: Any) -> Any:
        return self._carry_out(form, lambda: self.service_create(form))

    def update_model(self, form: Any, model: Any) -> Any:
        return self._carry_out(form, lambda: self.service_update(form, model) or True)

    def _deleted(self, model: Any) -> bool:
        self.service_delete(model)
        return True

    def delete_model(self, model: Any) -> bool:
        form: Any = AdminForm()
        done = self._carry_out(form, lambda: self._deleted(model))
        for text in form.form_errors:
            flash(text, "error")
        return bool(done)

    # ---- pages

    def _existing(self, allowed: bool) -> Any:
        """The row the address names, where the view has this page at all."""
        return self.get_one(request.args.get("id", "")) if allowed else abort(404)

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> Any:
        if not self.can_create:
            abort(404)
        form = self.create_form()
        if self.validate_form(form):
            model = self.create_model(form)
            if model is not None:
                return self._saved(model, created=True)
        return self._form_page(self.create_template, form, self.get_url(".index_view"))

    @expose("/edit/", methods=("GET", "POST"))
    def edit_view(self) -> Any:
        model = self._existing(self.can_edit)
        form = self.edit_form(obj=model)
        if self.validate_form(form) and self.update_model(form, model) is not None:
            return self._saved(model, created=False)
        if request.method == "GET":
            self.on_form_prefill(form, request.args["id"])
        back = self.get_url(".details_view", id=self.get_pk_value(model))
        return self._form_page(self.edit_template, form, back, model=model)

    def _saved(self, model: Any, *, created: bool) -> Any:
        flash(self.saved_text(model, created), "success")
        if self.can_view_details:
            return redirect(self.get_url(".details_view", id=self.get_pk_value(model)))
        return redirect(self.get_url(".index_view"))

    def _form_page(self, template: str, form: Any, back: str, **context: Any) -> Any:
        opts = FormOpts(widget_args=self.form_widget_args, form_rules=None)
        html = self.render(template, form=form, form_opts=opts, return_url=back, **context)
        return html, 422 if is_form_submitted() else 200

    @expose("/details/")
    def details_view(self) -> Any:
        model = self._existing(self.can_view_details)
        return self.render(
            self.details_template,
            model=model,
            details_columns=self._details_columns,
            get_value=self.get_detail_value,
            title=self.title_of(model),
            steps=self.steps_for(model),
            later=self.later_for(model),
            history=self.history_of(model),
            outcome=outcome,
            **self.details_context(model),
        )

    @expose("/delete/", methods=("POST",))
    def delete_view(self) -> Any:
        form: Any = self.delete_form() if self.can_delete else abort(404)
        if self.validate_form(form) and self.delete_model(self.get_one(form.id.data)):
            flash(_("削除しました。"), "success")
        return redirect(get_redirect_target() or self.get_url(".index_view"))
