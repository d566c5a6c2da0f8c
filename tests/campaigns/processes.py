"""Processes of their own for campaigns: forked from a server that knows the portal already."""

from __future__ import annotations

import multiprocessing
from multiprocessing.context import ForkServerContext


def context() -> ForkServerContext:
    """Where a campaign's processes come from; the portal is imported once, in their common parent."""
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(["tests.campaigns.bank", "tests.campaigns.killed"])
    return found
