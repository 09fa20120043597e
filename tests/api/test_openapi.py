"""The OpenAPI document is what the app is."""

from pathlib import Path

from api.app import create_app
from api.openapi import document
from overround.settings import Settings

COMMITTED = Path(__file__).parents[2] / "docs" / "openapi.json"


def test_the_committed_document_is_the_apps() -> None:
    assert COMMITTED.read_text() == document(), "run: python -m api.openapi"


def test_operation_ids_are_stable_and_every_operation_documents_its_errors() -> None:
    paths = create_app(Settings()).openapi()["paths"]
    operations = {path: operation for path, methods in paths.items() for operation in methods.values()}
    ids = [operation["operationId"] for operation in operations.values()]
    assert sorted(set(ids)) == sorted(ids)
    assert {"list_orders", "get_order", "list_open_orders", "get_pnl", "get_trading_status"} <= set(ids)
    for path, operation in operations.items():
        assert {"200", "401", "422", "429", "500"} <= set(operation["responses"]), path
        if operation["tags"] == ["Operator"]:
            assert operation["security"] == [{"OperatorKey": []}]
            continue
        assert operation["security"] == [{"APIKeyHeader": []}]
        assert ("404" in operation["responses"]) == ("{" in path or path.endswith("/trading/status"))


def test_money_is_documented_as_a_number() -> None:
    order = create_app(Settings()).openapi()["components"]["schemas"]["Order"]["properties"]
    assert order["orderCents"]["type"] == "number"
