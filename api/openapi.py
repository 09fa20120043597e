"""``python -m api.openapi`` writes the OpenAPI document of the app to ``docs/openapi.json``."""

import json
from pathlib import Path

from api.app import create_app
from overround.settings import Settings

DOCUMENT = Path(__file__).parent.parent / "docs" / "openapi.json"


def document() -> str:
    """The document as it is committed."""
    return json.dumps(create_app(Settings()).openapi(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    DOCUMENT.write_text(document())
