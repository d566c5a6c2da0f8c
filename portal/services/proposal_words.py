"""What mails call a proposed movement, in Japanese and English."""

from __future__ import annotations

from portal.errors import Amount
from portal.models import Movement, MovementKind
from portal.services.allowances import unit_name


def movement_fact(movement: Movement) -> tuple[str, str]:
    """AST-1001への第2期 JAA 8,500の発行 / issue of Phase 2 JAA 8,500 to AST-1001."""
    units = Amount(movement.quantity, unit_name(movement.unit_class))
    ja, en = units.shown("ja"), units.shown("en")
    source, target = movement.source.code, movement.target.code
    if movement.kind is MovementKind.CORRECTION:
        wrong = f"T-{movement.reverses_id:06d}"
        return f"取引{wrong}の訂正（{ja}）", f"correction of {wrong}, {en}"
    if movement.kind is MovementKind.CARRY_OVER:
        return f"{source}の{ja}のバンキング", f"carry-over of {en} in {source}"
    return f"{target}への{ja}の発行", f"issue of {en} to {target}"
