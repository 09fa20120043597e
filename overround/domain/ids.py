"""Names derived from who decided and at which step, never drawn: the same step gives the same id on every attempt."""

import base64
import hashlib
import uuid

NAMESPACE = uuid.UUID("6f7c2a0e-3b1d-5c52-9a57-8d0f2f6f2c11")


def order_workflow(account_id: str, fixture_id: str, market_id: int) -> str:
    """The one execution that owns every order of an account in a market."""
    return f"orders:{account_id}:{fixture_id}:{market_id}"


def hedge_workflow(client_order_id: str) -> str:
    """The one execution that hedges an exchange order."""
    return f"hedge:{client_order_id}"


def hedged_order(workflow_id: str) -> str:
    """The client order id of the exchange order that a hedge execution covers."""
    return workflow_id.removeprefix("hedge:")


def settlement_workflow(fixture_id: str) -> str:
    return f"settlement:{fixture_id}"


def control_workflow(scope: str) -> str:
    """``scope`` is a client, or ``global``."""
    return f"control:{scope}"


def reconcile_workflow(account_id: str) -> str:
    return f"reconcile:{account_id}"


def client_order_id(chain: str, step: int) -> str:
    """26 characters of ``a-z2-7`` naming step ``step`` of a workflow chain: fits Betfair's 32, the shortest."""
    digest = hashlib.sha256(f"{chain}/{step}".encode()).digest()[:16]
    return base64.b32encode(digest).decode().rstrip("=").lower()


def request_id(chain: str, step: int) -> str:
    """The UUID by which a bookmaker knows the bet of step ``step`` (bookmakers sheet, section 8)."""
    return str(uuid.uuid5(NAMESPACE, f"{chain}/{step}"))
