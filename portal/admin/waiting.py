"""A queue: a list that opens on what waits, with all its rows one step away."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import redirect, request
from flask_admin.base import expose
from flask_babel import lazy_gettext as _l

from portal.admin.base import SecretariatView


class WaitingFirst(SecretariatView):
    """The bare address shows what waits; without any filter the address says so (``?page=0``)."""

    #: the filter that tells what waits: its place in ``column_filters``, and its value
    waiting_filter: ClassVar[tuple[int, str]]
    waiting_label: Any = _l("確認を待つもの")
    all_label: Any = _l("すべて")
    list_template = "admin/waiting.html"

    @expose("/")
    def index_view(self) -> Any:
        if not set(request.args) - {"lang"}:  # the language was chosen, nothing of the list
            return redirect(self.waiting_address())
        return super().index_view()

    def waiting_address(self) -> str:
        """The list of what waits."""
        place, value = self.waiting_filter
        return self.list_address(filters=[(place, "", value)], search=None, page=0)

    def all_address(self) -> str:
        """The list of all rows."""
        return self.list_address(filters=[], search=None, page=0)

    def waiting_only(self) -> bool:
        """Whether the list shows what waits and nothing else."""
        return any((one[0], one[2]) == self.waiting_filter for one in self._get_list_filter_args())

    def _get_list_url(self, view_args: Any) -> str:
        url = str(super()._get_list_url(view_args))
        return url if "?" in url else f"{url}?page=0"
