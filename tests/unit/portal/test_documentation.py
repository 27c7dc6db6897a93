"""The reference page names every route, and no other."""

from __future__ import annotations

import json
import re
from pathlib import Path

from taktwin.portal import openapi

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "http-api.md"


def test_every_route_is_on_the_reference_page_and_no_other() -> None:
    document = json.loads(openapi.text())
    routes = {f"{verb.upper()} {path}" for path, verbs in document["paths"].items() for verb in verbs}
    named = set(re.findall(r"`((?:GET|POST) /api/v1/[^`]*)`", PAGE.read_text(encoding="utf-8")))
    assert named == routes


def test_every_message_of_the_stream_is_on_the_reference_page() -> None:
    schemas = json.loads(openapi.text())["components"]["schemas"]
    page = PAGE.read_text(encoding="utf-8")
    for name, schema in schemas.items():
        fields = schema.get("properties", {})
        if name.startswith("Live"):
            assert f"`{fields['type']['const']}`" in page, name
        elif "op" in fields and "const" in fields["op"]:
            assert f'"op": "{fields["op"]["const"]}"' in page, name
