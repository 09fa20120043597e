"""Trading settings: what is accepted, and that what is wrong is named."""

from decimal import Decimal
from typing import Any

import pytest

from overround.domain.config import BadConfig, TradingConfig, parse_config


def test_settings_apply_over_what_was_there() -> None:
    base = parse_config({"margin": "0.02", "outcomes": [111, 112]}, version=1)
    changed = parse_config({"size": 25, "levels": 2}, version=2, base=base)
    assert (changed.margin, changed.size, changed.levels, changed.version) == (Decimal("0.02"), Decimal(25), 2, 2)
    assert changed.outcomes == (111, 112)
    assert parse_config({}, version=0) == TradingConfig()


def test_a_number_from_a_file_keeps_its_digits() -> None:
    assert parse_config({"margin": 0.015}, version=1).margin == Decimal("0.015")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"marginn": "0.01"}, "unknown trading setting 'marginn'; known: band, "),
        ({"version": 7}, "unknown trading setting 'version'"),
        ({"enabled": "yes"}, "enabled must be true or false, not 'yes'"),
        ({"enabled": 1}, "enabled must be true or false"),
        ({"levels": "2"}, "levels must be a whole number, not '2'"),
        ({"levels": True}, "levels must be a whole number"),
        ({"levels": 0}, "levels must be between 1 and 10, not 0"),
        ({"outcomes": 111}, "outcomes must be a list of whole numbers, not 111"),
        ({"outcomes": ["111"]}, "outcomes must be a list of whole numbers"),
        ({"outcomes": [True]}, "outcomes must be a list of whole numbers"),
        ({"margin": "wide"}, "margin must be a number, not 'wide'"),
        ({"margin": None}, "margin must be a number, not None"),
        ({"margin": False}, "margin must be a number, not False"),
        ({"margin": float("nan")}, "margin must be a number"),
        ({"margin": "0.51"}, "margin must be between -0.2 and 0.5, not 0.51"),
        ({"size": "-1"}, "size must be between 0.01"),
        ({"min_price": "0.5", "max_price": "0.5"}, "min_price must be below max_price"),
        ({"max_market_loss": -1}, "max_market_loss must be between 0"),
        ({"owner_seconds": 1}, "owner_seconds must be between 3 and 3600"),
    ],
)
def test_a_wrong_setting_is_named_with_what_it_must_be(body: dict[str, Any], message: str) -> None:
    with pytest.raises(BadConfig) as caught:
        parse_config(body, version=1)
    assert message in str(caught.value)
