from __future__ import annotations

from swiftx.domain.serving.page_texts import TEXTS, conversation, media_part


def test_both_languages_have_every_text() -> None:
    english, chinese = TEXTS["en"], TEXTS["zh"]

    assert english.keys() == chinese.keys()
    assert all(chinese[name] != text for name, text in english.items() if name != "top_p")


def test_a_conversation_begins_with_the_system_text_if_there_is_one() -> None:
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]

    assert conversation(turns, "c", system=" ") == [*turns, {"role": "user", "content": "c"}]
    assert conversation([], "c", system="S")[0] == {"role": "system", "content": "S"}


def test_files_become_the_parts_that_services_know() -> None:
    assert media_part("image/png", "QQ==") == {
        "type": "image_url",
        "image_url": {"url": "data:image/png;base64,QQ=="},
    }
    assert media_part("audio/x-wav", "QQ==") == {
        "type": "input_audio",
        "input_audio": {"data": "QQ==", "format": "wav"},
    }
    assert media_part("video/mp4", "QQ==") == {
        "type": "video_url",
        "video_url": {"url": "data:video/mp4;base64,QQ=="},
    }
    assert media_part("application/pdf", "QQ==") is None
