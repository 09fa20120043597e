"""The table says what was measured: percentiles, ratios and what is missing."""

import json
import math

from bench.figures import Report, figure, markdown, percentile, single, table


def test_percentiles_are_samples_never_in_between() -> None:
    values = [float(n) for n in range(100, 0, -1)]
    assert percentile(values, 0.5) == 50
    assert percentile(values, 0.99) == 99
    assert percentile(values, 1.0) == 100
    assert percentile([7.0], 0.5) == percentile([7.0], 0.99) == 7.0


def test_nothing_measured_is_no_number() -> None:
    assert math.isnan(percentile([], 0.5))
    assert "none" in table([figure("fill -> bet", "ms", [])])[1]


def test_the_ratio_is_of_the_medians() -> None:
    line = figure("quotes", "ms", [10.0, 30.0, 300.0], [10.0, 20.0, 50.0], aim="1.5x")
    assert line.ratio == 1.5
    assert line.floor_p99 == 50.0
    assert table([line])[1].split() == ["quotes", "ms", "3", "30.0", "300.0", "20.0", "50.0", "1.50x", "1.5x"]


def test_without_a_floor_there_is_no_ratio() -> None:
    assert figure("quotes", "ms", [10.0], []).ratio is None
    assert single("requotes", "1/s", 42.0).ratio is None


def test_a_single_value_shows_no_percentile() -> None:
    assert table([single("requotes", "1/s", 42.0)])[1].split() == ["requotes", "1/s", "1", "42.0"]


def test_columns_line_up_and_markdown_has_as_many_cells_as_headings() -> None:
    lines = [figure("a much longer name", "ms", [1.0, 2000.0], [1.0]), single("b", "KiB", 3.0, note="why")]
    heading, first, second = table(lines)
    assert heading.index("p50") + 3 == first.index("1.00") + 4 == second.index("3.00") + 4
    assert {line.count("|") for line in markdown(lines)} == {11}


def test_json_holds_no_nan() -> None:
    report = Report({"cores": 2}, [figure("fill -> bet", "ms", [])], ["a note"])
    plain = json.loads(json.dumps(report.plain(), allow_nan=False))
    assert plain["figures"][0]["p50"] is None
    assert plain["machine"] == {"cores": 2}
