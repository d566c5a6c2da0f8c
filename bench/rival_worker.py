"""One client of django-hordak or django-ledger, run by bench/transfers.py in the rivals' own environment.

``python bench/rival_worker.py hordak|ledger host port user password database place count setup|client``.
``setup`` makes ``count`` payers with 1,000,000 each, as many payees, and one that all pay. A client reads
lines ``apart SECONDS`` or ``hot SECONDS`` and answers each with the number of transfers made in that time.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import django
from django.conf import settings

WHO, HOST, PORT, USER, PASSWORD, DATABASE, PLACE, COUNT, TASK = sys.argv[1:10]
APPS = {"hordak": ["mptt", "hordak"], "ledger": ["treebeard", "django_ledger"]}[WHO]

settings.configure(
    SECRET_KEY="of the bench only",
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions", *APPS],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": HOST,
            "PORT": PORT,
            "USER": USER,
            "PASSWORD": PASSWORD,
            "NAME": DATABASE,
            "CONN_MAX_AGE": None,
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
    LOGIN_URL="/",
    HORDAK_CURRENCIES=["JPY"],
    DEFAULT_CURRENCY="JPY",
    HORDAK_INTERNAL_CURRENCY="JPY",
    CURRENCIES=["JPY"],
)
django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import transaction  # noqa: E402

FUND = 1_000_000


class Hordak:
    """Accounts, transactions and legs; alone it lets a balance go below zero, so it is guarded here."""

    def __init__(self) -> None:
        from hordak.models import Account, AccountType, Transaction
        from moneyed import Money

        self.account, self.asset, self.money = Account, AccountType.asset, Money
        self.made: Any = Transaction

    def set_up(self, count: int) -> None:
        def make(name: str, code: str) -> Any:
            return self.account.objects.create(name=name, code=code, type=self.asset, currencies=["JPY"])

        with transaction.atomic():
            mint = make("mint", "999")
            for place in range(count):
                payer = make(f"payer {place}", str(100 + place))
                make(f"payee {place}", str(200 + place))
                mint.transfer_to(payer, self.money(FUND, "JPY"), date=date(2014, 6, 1))
            make("hot", "300")

    def client(self, place: int) -> Callable[[bool], None]:
        known = {account.name: account.pk for account in self.account.objects.all()}
        one = self.money(1, "JPY")

        def transfer(hot: bool) -> None:
            payer, payee = known[f"payer {place}"], known["hot" if hot else f"payee {place}"]
            with transaction.atomic():
                # the guard: both rows locked in order, then the balance looked at
                locked = self.account.objects.select_for_update().filter(pk__in=[payer, payee])
                both = {account.pk: account for account in locked.order_by("pk")}
                if both[payer].get_simple_balance()["JPY"].amount < 1:
                    raise RuntimeError("the balance is short")
                both[payer].transfer_to(both[payee], one, date=date(2014, 6, 2))

        return transfer


class Ledger:
    """An entity with one ledger; a transfer is one posted journal entry of two transactions."""

    def __init__(self) -> None:
        from django.contrib.auth import get_user_model
        from django_ledger.models import EntityModel

        self.entity, self.user = EntityModel, get_user_model()

    def set_up(self, count: int) -> None:
        admin = self.user.objects.create_user("bench")
        entity = self.entity.create_entity(
            name="bench", use_accrual_method=False, admin=admin, fy_start_month=4
        )
        chart = entity.create_chart_of_accounts(assign_as_default=True, commit=True, coa_name="bench")
        names = [f"payer {n}" for n in range(count)] + [f"payee {n}" for n in range(count)] + ["hot"]
        for place, name in enumerate(names):
            entity.create_account(
                coa_model=chart,
                code=str(1100 + place),
                role="asset_ca_cash",
                name=name,
                balance_type="debit",
                active=True,
            )
        entity.create_ledger(name="bench", posted=True)

    def client(self, place: int) -> Callable[[bool], None]:
        from django.utils import timezone

        entity = self.entity.objects.get(name="bench")
        ledger = entity.ledgermodel_set.get(name="bench")
        known = {account.name: account for account in entity.get_coa_accounts(active=True)}

        def transfer(hot: bool) -> None:
            payer, payee = known[f"payer {place}"], known["hot" if hot else f"payee {place}"]
            with transaction.atomic():
                entity.commit_txs(
                    je_timestamp=timezone.now(),
                    je_ledger_model=ledger,
                    je_posted=True,
                    je_txs=[
                        {"account": payer, "tx_type": "credit", "amount": Decimal(1), "description": "out"},
                        {"account": payee, "tx_type": "debit", "amount": Decimal(1), "description": "in"},
                    ],
                )

        return transfer


def main() -> None:
    rival = Hordak() if WHO == "hordak" else Ledger()
    if TASK == "setup":
        call_command("migrate", verbosity=0)
        rival.set_up(int(COUNT))
        return
    transfer = rival.client(int(PLACE))
    print("ready", flush=True)
    for line in sys.stdin:
        where, seconds = line.split()
        made, until = 0, time.perf_counter() + float(seconds)
        while time.perf_counter() < until:
            transfer(where == "hot")
            made += 1
        print(made, flush=True)


main()
