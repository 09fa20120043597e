"""The OpenAPI document is what the app is."""

from pathlib import Path

from api import schemas
from api.app import create_app
from api.openapi import document
from api.schemas.config import AddTournament, ChangeTournament, ChooseMarkets
from overround.settings import Settings

BODIES = (AddTournament, ChangeTournament, ChooseMarkets)
MAY_BE_ABSENT = ("/trading/status", "/orders/cancel")
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
        assert {"401", "422", "429", "500"} <= set(operation["responses"]), path
        assert {"200", "201"} & set(operation["responses"]), path
        if operation["tags"] == ["Operator"]:
            assert operation["security"] == [{"OperatorKey": []}]
            continue
        assert operation["security"] == [{"APIKeyHeader": []}]
        assert ("404" in operation["responses"]) == ("{" in path or path.endswith(MAY_BE_ABSENT)), path


def test_no_schema_is_named_after_the_module_it_lies_in_for_want_of_a_name_of_its_own() -> None:
    names = create_app(Settings()).openapi()["components"]["schemas"]
    assert [name for name in names if "__" in name] == []


def test_every_post_of_a_client_takes_an_idempotency_key_and_says_what_may_go_wrong() -> None:
    paths = create_app(Settings()).openapi()["paths"]
    posts = {path: item["post"] for path, item in paths.items() if "post" in item and "/operator/" not in path}
    assert len(posts) == 7
    for path, operation in posts.items():
        assert "Idempotency-Key" in [item["name"] for item in operation["parameters"]], path
        assert {"409", "503"} <= set(operation["responses"]), path


def test_every_body_has_an_example_that_its_schema_takes() -> None:
    for model in (schemas.Control, schemas.Cancel, schemas.CancelMany, *BODIES):
        examples = model.model_json_schema()["examples"]
        assert examples
        for example in examples:
            model.model_validate(example)


def test_money_is_documented_as_a_number() -> None:
    order = create_app(Settings()).openapi()["components"]["schemas"]["Order"]["properties"]
    assert order["orderCents"]["type"] == "number"
