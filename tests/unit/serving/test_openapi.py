from __future__ import annotations

import json

from tests.fakes.service import CHAT, COMPLETIONS, scripted_service


def test_every_path_is_described_with_its_fields_and_errors() -> None:
    paths = scripted_service().api.describe()

    json.dumps(paths)
    assert {"/v1/models", "/health", "/stats", CHAT, COMPLETIONS} <= paths.keys()
    chat = paths[CHAT]["post"]
    schema = chat["requestBody"]["content"]["application/json"]["schema"]
    assert schema["required"] == ["messages"]
    assert schema["properties"]["temperature"]["anyOf"][0]["maximum"] == 2
    assert "text/event-stream" in chat["responses"]["200"]["content"]
    assert "429" in chat["responses"]
