"""Faster ways to encode: the ids are those of the tokenizers library, or the way is not used."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from swiftx.adapters.tokenizers import words as memory
from swiftx.adapters.tokenizers.quickest import Encode, QuickestEncoder, Way, end_to_end
from swiftx.adapters.tokenizers.words import WordEncoder
from swiftx.domain.ports.tokenizer import FlatTokens

QWEN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
LLAMA3 = QWEN.replace(r"\p{N}|", r"\p{N}{1,3}|", 1)
CASED = (  # words in two cases, as in o200k
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CONTROL = ("<|im_start|>", "<|im_end|>", "<|im|>")
ALPHABET = "aabcdeEFtT's  \n\n\t\r0129.,;'\"=<|>im_()[]/\\é你🌍\x00\x1c\u00a0"
# Letters, marks, digits, numbers, spaces and signs above ASCII, some of which `re` folds or reads otherwise.
ABOVE = "éÄßñøŁłΩωжЯאعनŉǅʰ\u0301\u0308٣४Ⅷ½²①—–‘’“”…°€†→∑✓\u2009\u2028\u200b\u180e\u00ad\x85\u017f\u212aﬁ"
WORDS = (
    "the",
    "Them",
    "don't",
    "camelCase",
    "x1",
    "<|im_start|>",
    "<|im_end|>",
    "  ",
    "\r\n",
    "12345",
)


def _split(pattern: str) -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


def _trained(
    pre_tokenizer: pre_tokenizers.PreTokenizer, *, normalizer: normalizers.Normalizer | None = None
) -> Tokenizer:
    """A byte-level tokenizer with some merges."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizer
    if normalizer is not None:
        backend.normalizer = normalizer
    trainer = trainers.BpeTrainer(
        vocab_size=500, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    backend.train_from_iterator([f"{word} the {word}" for word in WORDS] * 3, trainer)
    backend.add_special_tokens(list(CONTROL))
    return backend


def _texts(count: int = 400) -> list[str]:
    draws = random.Random(0)
    pool = (*ALPHABET, *WORDS)
    texts = ["".join(draws.choices(pool, k=draws.randrange(40))) for _ in range(count)]
    ascii_only = ["".join(char for char in text if char.isascii()) for text in texts]
    above = ["".join(draws.choices((*"abT's  \n1.", *ABOVE), k=draws.randrange(40))) for _ in texts]
    return [*texts, *ascii_only, *above]


def _exact(backend: Tokenizer, texts: Sequence[str]) -> FlatTokens:
    return end_to_end(backend.encode(text, add_special_tokens=False).ids for text in texts)


@pytest.mark.parametrize(
    "backend",
    [
        _trained(pre_tokenizers.ByteLevel(add_prefix_space=False)),
        _trained(_split(QWEN), normalizer=normalizers.NFC()),
        _trained(_split(LLAMA3)),
        _trained(_split(CASED)),
        _trained(
            pre_tokenizers.Sequence(
                [
                    pre_tokenizers.Digits(individual_digits=True),
                    pre_tokenizers.ByteLevel(add_prefix_space=False),
                ]
            )
        ),
    ],
    ids=["gpt2", "qwen", "llama3", "cased", "digits"],
)
def test_words_from_memory_have_the_ids_of_whole_texts(backend: Tokenizer) -> None:
    encode = WordEncoder.of(backend)
    texts = _texts()

    assert encode is not None
    assert encode(texts) == _exact(backend, texts)
    assert encode(texts) == _exact(backend, texts)


def test_a_full_memory_of_words_begins_anew_and_gives_the_same_ids(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "_WORDS_KEPT", 8)
    backend = _trained(pre_tokenizers.ByteLevel(add_prefix_space=False))
    backend.add_tokens([AddedToken("<mask>", lstrip=True)])
    encode = WordEncoder.of(backend)
    texts = [f"{text} n{number} a  <mask> b" for number, text in enumerate(_texts())]

    assert encode is not None
    assert encode(texts) == _exact(backend, texts)


@pytest.mark.parametrize("pattern", [QWEN, CASED], ids=["qwen", "cased"])
def test_texts_of_latin_and_greek_come_from_memory_too(pattern: str) -> None:
    backend = _trained(_split(pattern), normalizer=normalizers.NFC())
    words = WordEncoder.of(backend)
    assert words is not None
    text = "“Naïve” café — Ωμέγα… 25 °C"
    words([text])

    backend.model = models.BPE()  # nothing more is to be learnt from the library

    assert words([text]) == words([text]) != end_to_end([[]])
    assert words(["e\u0301"]) == words(["你"]) == end_to_end([[]])


def test_added_tokens_that_take_the_space_beside_them_are_left_to_the_library() -> None:
    backend = _trained(pre_tokenizers.ByteLevel(add_prefix_space=False))
    backend.add_tokens([AddedToken("<mask>", lstrip=True), AddedToken("word", single_word=True)])
    encode = WordEncoder.of(backend)
    texts = ["a  <mask> b", "a word b", "swords", "plain"]

    assert encode is not None
    assert encode(texts) == _exact(backend, texts)


@pytest.mark.parametrize(
    "backend",
    [
        _trained(pre_tokenizers.ByteLevel(add_prefix_space=True)),
        _trained(
            pre_tokenizers.ByteLevel(add_prefix_space=False), normalizer=normalizers.Lowercase()
        ),
        _trained(_split(r"\p{Han}+|\S+|\s+")),
        _trained(_split(r"(a|b)+|\S+|\s+")),
        _trained(_split(r"\w+")),
        _trained(pre_tokenizers.Sequence([pre_tokenizers.Digits(), pre_tokenizers.ByteLevel()])),
        Tokenizer(models.WordLevel({"a": 0}, unk_token="a")),
    ],
    ids=["space", "normalised", "unknown class", "groups", "gaps", "digits", "no bpe"],
)
def test_tokenizers_of_another_kind_have_no_memory_of_words(backend: Tokenizer) -> None:
    assert WordEncoder.of(backend) is None


def _way(name: str, encode: Encode | None) -> Way:
    return Way(name, lambda _: encode)


def test_a_way_with_other_ids_is_refused_in_one_line_and_the_next_is_taken() -> None:
    backend = _trained(pre_tokenizers.ByteLevel(add_prefix_space=False))
    said: list[str] = []
    used: list[int] = []

    def wrong(texts: Sequence[str]) -> FlatTokens:
        return end_to_end([1] for _ in texts)

    def right(texts: Sequence[str]) -> FlatTokens:
        used.append(len(texts))
        return _exact(backend, texts)

    ways = (_way("missing", None), _way("wrong", wrong), _way("right", right))
    encoder = QuickestEncoder(backend, said.append, ways=ways)
    texts = _texts()

    assert encoder(texts) == _exact(backend, texts)
    assert encoder(["a"]) == _exact(backend, ["a"])
    assert said == ["wrong gives other token ids than tokenizers here, so it is not used."]
    assert used[1:] == [len(texts), 1]


def test_the_library_itself_serves_when_nothing_else_does() -> None:
    backend = _trained(pre_tokenizers.ByteLevel(add_prefix_space=False))
    encoder = QuickestEncoder(backend, lambda _: None, ways=())

    assert encoder([]) == end_to_end([])
    assert encoder(_texts(20)) == _exact(backend, _texts(20))


@pytest.mark.parametrize("pattern", [QWEN, LLAMA3])
def test_fastokens_gives_the_same_ids(pattern: str) -> None:
    pytest.importorskip("fastokens")
    from swiftx.adapters.tokenizers.fast_tokens import FastokensEncoder

    backend = _trained(_split(pattern))
    encode: Encode | None = FastokensEncoder.of(backend)

    assert encode is not None
    assert encode(_texts()) == _exact(backend, _texts())
