"""What every InferenceEngine promises."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from queue import SimpleQueue
from typing import Any

import pytest

from swiftx.domain.chat.messages import Conversation, Message
from swiftx.domain.plans.inference import Completion, Delta, GenerationPlan, Request
from swiftx.domain.ports.engine import InferenceEngine
from swiftx.errors import BackendError, SwiftxError, UsageError


class EngineContract:
    """Subclass and provide `engine` and `prompts`.

    The engine answers each of the prompts (token ids of different lengths) with at least 8 tokens when it is
    greedy and nothing stops it; its model is no longer than 4096 tokens.
    """

    def ids(self, answer: Completion) -> tuple[int, ...]:
        """Return the ids of an answer; override for engines that know none."""
        return answer.token_ids

    def test_only_engines_that_know_ids_return_some(
        self, engine: InferenceEngine, prompts: Sequence[list[int]]
    ) -> None:
        answer = engine.generate([greedy(prompts[0])])[0]

        assert bool(answer.token_ids) == engine.facts.token_ids
        assert answer.generated_tokens == len(self.ids(answer))

    def test_conversation_is_refused_where_prompts_are_asked_for(
        self, engine: InferenceEngine
    ) -> None:
        question = Conversation(messages=(Message("user", "Who are you?"),))
        request = replace(greedy([]), conversation=question)

        if engine.facts.conversations:
            assert engine.generate([request])[0].text
        else:
            with pytest.raises(UsageError, match="conversation"):
                engine.generate([request])

    def test_no_requests_no_completions(self, engine: InferenceEngine) -> None:
        assert engine.generate([]) == []

    def test_one_completion_a_request_in_order(
        self, engine: InferenceEngine, prompts: Sequence[list[int]]
    ) -> None:
        requests = [greedy(prompt) for prompt in prompts]

        together = engine.generate(requests)

        assert together == [engine.generate([request])[0] for request in requests]
        assert [answer.prompt_tokens for answer in together] == [len(prompt) for prompt in prompts]

    def test_greedy_answers_are_repeatable(
        self, engine: InferenceEngine, prompts: Sequence[list[int]]
    ) -> None:
        request = greedy(prompts[0])

        assert engine.generate([request]) == engine.generate([request])

    def test_max_new_tokens_end_the_answer(
        self, engine: InferenceEngine, prompts: Sequence[list[int]]
    ) -> None:
        limits = [3, 5]
        requests = [
            greedy(prompt, max_new_tokens=limit)
            for prompt, limit in zip(prompts, limits, strict=False)
        ]

        answers = engine.generate(requests)

        assert [answer.generated_tokens for answer in answers] == limits
        assert {answer.finish_reason for answer in answers} == {"length"}

    def test_stop_id_ends_the_answer_and_is_removed(
        self, engine: InferenceEngine, prompts: Sequence[list[int]]
    ) -> None:
        free = engine.generate([greedy(prompts[0])])[0]
        ids = self.ids(free)
        stop = ids[4]
        expected = ids[: ids.index(stop)]

        answer = engine.generate([greedy(prompts[0], stop_ids=(stop,))])[0]

        assert (self.ids(answer), answer.finish_reason) == (expected, "stop")

    def test_stop_word_ends_the_answer_and_stays(
        self, engine: InferenceEngine, prompts: Sequence[list[int]]
    ) -> None:
        word, before, _ = self._word(engine, prompts[0])

        answer = engine.generate([greedy(prompts[0], stop_words=(word,))])[0]

        assert (answer.text, answer.finish_reason) == (before + word, "stop")

    def test_end_word_ends_the_answer_and_is_removed(
        self, engine: InferenceEngine, prompts: Sequence[list[int]]
    ) -> None:
        word, before, _ = self._word(engine, prompts[0])

        answer = engine.generate([greedy(prompts[0], end_words=(word,))])[0]

        assert (answer.text, answer.finish_reason) == (before, "stop")

    def _word(self, engine: InferenceEngine, prompt: list[int]) -> tuple[str, str, str]:
        """Return two characters from the middle of the free answer, with the text before and after."""
        text = engine.generate([greedy(prompt)])[0].text
        word = text[len(text) // 2 : len(text) // 2 + 2]
        before, _, after = text.partition(word)
        return word, before, after

    def test_stop_conditions_are_each_request_s_own(
        self, engine: InferenceEngine, prompts: Sequence[list[int]]
    ) -> None:
        word, before, _ = self._word(engine, prompts[0])
        free = engine.generate([greedy(prompts[1])])[0]

        answers = engine.generate([greedy(prompts[0], end_words=(word,)), greedy(prompts[1])])

        assert [answer.text for answer in answers] == [before, free.text]

    def test_pieces_add_up_to_the_text(
        self, engine: InferenceEngine, prompts: Sequence[list[int]]
    ) -> None:
        for prompt in prompts:
            answer = engine.generate([greedy(prompt)])[0]

            deltas = list(engine.stream(greedy(prompt)))

            assert "".join(delta.text for delta in deltas) == answer.text
            assert deltas[-1].finish_reason == answer.finish_reason
            assert all(delta.finish_reason is None for delta in deltas[:-1])

    def test_submitted_requests_are_answered_together(
        self, engine: InferenceEngine, prompts: Sequence[list[int]]
    ) -> None:
        expected = engine.generate([greedy(prompt) for prompt in prompts])
        heard: list[SimpleQueue[Delta | SwiftxError]] = [SimpleQueue() for _ in prompts]

        for prompt, queue in zip(prompts, heard, strict=True):
            engine.submit(greedy(prompt), queue.put)

        for answer, queue in zip(expected, heard, strict=True):
            deltas = list(pieces(queue))
            assert "".join(delta.text for delta in deltas) == answer.text
            assert deltas[-1].completion == answer

    def test_cancelled_request_is_not_heard_again(
        self, engine: InferenceEngine, prompts: Sequence[list[int]]
    ) -> None:
        heard: SimpleQueue[Delta | SwiftxError] = SimpleQueue()

        ticket = engine.submit(greedy(prompts[0], max_new_tokens=1000), heard.put)
        ticket.cancel()
        ticket.cancel()

        assert engine.generate([greedy(prompts[1])])[0].text  # it is free for the next request

    def test_statistics_count_what_was_answered(
        self, engine: InferenceEngine, prompts: Sequence[list[int]]
    ) -> None:
        before = engine.stats()

        deltas = list(engine.stream(greedy(prompts[0])))

        answer = deltas[-1].completion
        assert answer is not None
        after = engine.stats()
        assert after.requests == before.requests + 1
        assert after.prompt_tokens == before.prompt_tokens + len(prompts[0])
        assert after.generated_tokens == before.generated_tokens + answer.generated_tokens

    def test_unknown_adapter_is_refused(
        self, engine: InferenceEngine, prompts: Sequence[list[int]]
    ) -> None:
        request = replace(greedy(prompts[0]), adapter="nobody")

        with pytest.raises(UsageError, match="nobody"):
            engine.generate([request])
        with pytest.raises(UsageError, match="nobody"):
            engine.submit(request, lambda _: None)

    def test_closing_the_stream_cancels(
        self, engine: InferenceEngine, prompts: Sequence[list[int]]
    ) -> None:
        stream = engine.stream(greedy(prompts[0], max_new_tokens=1000))

        first = list(islice(stream, 2))
        stream.close()

        assert len(first) == 2
        assert engine.generate([greedy(prompts[0])])[0].text  # it is free for the next request

    def test_log_probabilities_come_with_the_pieces(
        self, engine: InferenceEngine, prompts: Sequence[list[int]]
    ) -> None:
        deltas = list(engine.stream(greedy(prompts[0], logprobs=True)))

        answer = deltas[-1].completion
        assert answer is not None
        assert tuple(entry for delta in deltas for entry in delta.logprobs) == answer.logprobs

    def test_log_probabilities_are_at_most_zero_one_a_token(
        self, engine: InferenceEngine, prompts: Sequence[list[int]]
    ) -> None:
        plain = engine.generate([greedy(prompts[0])])[0]

        answer = engine.generate([greedy(prompts[0], logprobs=True, top_logprobs=2)])[0]

        assert plain.logprobs is None
        assert answer.logprobs is not None
        assert len(answer.logprobs) == answer.generated_tokens
        if engine.facts.token_ids:
            assert [entry.token_id for entry in answer.logprobs] == list(answer.token_ids)
        for entry in answer.logprobs:
            assert entry.logprob <= 0
            assert len(entry.top) == 2
            assert entry.top[0][1] == pytest.approx(entry.logprob)  # greedy takes the best

    def test_sampled_answers_are_those_of_their_seed(
        self, engine: InferenceEngine, prompts: Sequence[list[int]]
    ) -> None:
        requests = [
            greedy(prompt, temperature=0.9, seed=seed) for seed, prompt in enumerate(prompts)
        ]

        together = engine.generate(requests)

        assert together == [engine.generate([request])[0] for request in requests]

    def test_biased_token_is_chosen(
        self, engine: InferenceEngine, prompts: Sequence[list[int]]
    ) -> None:
        free = self.ids(engine.generate([greedy(prompts[0])])[0])
        token = next(token for token in prompts[1] if token not in free)
        biased = greedy(prompts[0], logit_bias=((token, 100.0),), max_new_tokens=3)

        answers = engine.generate([biased, greedy(prompts[0])])

        assert [self.ids(answer) for answer in answers] == [(token,) * 3, free]

    def test_one_that_cannot_be_served_stops_all_of_them(
        self, engine: InferenceEngine, prompts: Sequence[list[int]]
    ) -> None:
        before = engine.stats().requests

        with pytest.raises(UsageError):
            engine.generate([greedy(prompts[0]), greedy([])])

        assert engine.stats().requests == before

    def test_prompt_longer_than_the_model_is_refused(self, engine: InferenceEngine) -> None:
        with pytest.raises(UsageError, match="5000"):
            engine.generate([greedy([5] * 5000)])

    def test_empty_prompt_is_refused(self, engine: InferenceEngine) -> None:
        with pytest.raises(UsageError):
            engine.generate([greedy([])])


class ClosingContract:
    """Subclass and provide `spare`, an engine of this test's own, and `prompts`."""

    def test_closed_engine_refuses(
        self, spare: InferenceEngine, prompts: Sequence[list[int]]
    ) -> None:
        spare.close()
        spare.close()

        with pytest.raises(BackendError, match="closed"):
            spare.generate([greedy(prompts[0])])
        with pytest.raises(BackendError, match="closed"):
            spare.submit(greedy(prompts[0]), lambda _: None)

    def test_nobody_waits_for_an_engine_that_is_closed(
        self, spare: InferenceEngine, prompts: Sequence[list[int]]
    ) -> None:
        heard: SimpleQueue[Delta | SwiftxError] = SimpleQueue()
        spare.submit(greedy(prompts[0], max_new_tokens=1000), heard.put)

        spare.close()

        last = heard.get(timeout=60)
        while isinstance(last, Delta) and last.finish_reason is None:
            last = heard.get(timeout=60)
        assert isinstance(last, BackendError | Delta)


def pieces(queue: SimpleQueue[Delta | SwiftxError]) -> Iterator[Delta]:
    """Yield what a listener heard, to the last piece."""
    while True:
        delta = queue.get(timeout=60)
        assert isinstance(delta, Delta), delta
        yield delta
        if delta.finish_reason is not None:
            return


def greedy(prompt: Sequence[int], **settings: Any) -> Request:
    plan = GenerationPlan(temperature=0, max_new_tokens=8)
    return Request(prompt_ids=prompt, generation=replace(plan, **settings))
