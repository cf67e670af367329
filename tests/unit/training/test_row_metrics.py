from __future__ import annotations

import math

import pytest

from swiftx.domain.datasets.targets import MULTI, REGRESSION, SINGLE
from swiftx.domain.training.row_metrics import (
    classification,
    margins,
    pearson,
    ranking,
    ranks,
    similarity_correlations,
    spearman,
)


def test_accuracy_of_one_class_is_that_of_the_largest_logit() -> None:
    logits = [[0.0, 1.0, 0.5], [3.0, 1.0, 2.0], [1.0, 1.0, 0.0]]

    assert classification(logits, [(1.0,), (2.0,), (0.0,)], problem_type=SINGLE) == {
        "acc": pytest.approx(2 / 3)
    }


def test_several_classes_are_right_when_all_of_them_are() -> None:
    logits = [[1.0, -1.0], [1.0, 1.0]]

    found = classification(logits, [(1.0, 0.0), (1.0, 0.0)], problem_type=MULTI)

    assert found == {"acc": 0.5}


def test_numbers_are_judged_by_their_errors() -> None:
    found = classification([[1.0], [3.0]], [(2.0,), (6.0,)], problem_type=REGRESSION)

    assert found == {"mse": 5.0, "mae": 2.0, "pearson": pytest.approx(1.0)}


def test_correlations_of_hand_computed_lists() -> None:
    # Deviations (-1.5, -.5, .5, 1.5) and (-1, 0, 2, -1): products 1.5 + 0 + 1 - 1.5 = 1; norms √5 and √6.
    assert pearson([1, 2, 3, 4], [0, 1, 3, 0]) == pytest.approx(1 / math.sqrt(30))
    # Ranks 1 2 3 4 and 1.5 3 4 1.5: products of deviations 1.5 - .25 + .75 - 1.5 = ½; norms √5 and √4.5.
    assert spearman([1, 2, 3, 4], [0, 1, 3, 0]) == pytest.approx(0.5 / math.sqrt(22.5))
    assert pearson([1, 1], [0, 1]) == 0.0
    assert ranks([3, 1, 3, 3]) == [3.0, 1.0, 3.0, 3.0]


def test_similar_pairs_correlate_with_their_labels_by_every_measure() -> None:
    pairs = [([1.0, 0.0], [1.0, 0.0]), ([1.0, 0.0], [0.6, 0.8]), ([1.0, 0.0], [0.0, 1.0])]

    found = similarity_correlations(pairs, [1.0, 0.6, 0.0])

    assert set(found) == {
        f"{kind}_{name}"
        for kind in ("pearson", "spearman")
        for name in ("cosine", "euclidean", "manhattan", "dot_product")
    }
    assert found["pearson_cosine"] == pytest.approx(1.0)
    assert found["spearman_euclidean"] == pytest.approx(1.0)
    # Manhattan distances 0, 1.2, 2 against labels 1, .6, 0.
    assert found["pearson_manhattan"] == pytest.approx(pearson([0, -1.2, -2], [1, 0.6, 0]))


def test_margin_is_the_difference_of_the_means() -> None:
    assert margins([0.9, 0.7], [0.1, 0.3]) == {
        "margin": pytest.approx(0.6),
        "mean_pos": pytest.approx(0.8),
        "mean_neg": pytest.approx(0.2),
    }
    assert margins([0.5], []) == {"margin": 0.5, "mean_pos": 0.5, "mean_neg": 0.0}


def test_ranking_of_hand_computed_groups() -> None:
    scores = [0.9, 0.5, 0.1, 0.2, 0.8]
    relevant = [False, True, False, True, False]

    found = ranking(scores, relevant, [0, 0, 0, 1, 1])

    # The relevant ones are second of three and second of two.
    assert found == {
        "mrr": pytest.approx(0.5),
        "ndcg": pytest.approx(1 / math.log2(3)),
    }


def test_ranking_of_several_relevant_documents() -> None:
    found = ranking([3.0, 2.0, 1.0], [True, False, True], [0, 0, 0])

    gain = 1 + 1 / math.log2(4)
    assert found == {"mrr": 1.0, "ndcg": pytest.approx(gain / (1 + 1 / math.log2(3)))}


def test_a_model_that_tells_nothing_apart_gains_nothing_by_the_order() -> None:
    first = ranking([0.5] * 3, [True, False, False], [0] * 3)
    last = ranking([0.5] * 3, [False, False, True], [0] * 3)

    assert first == last == {"mrr": 0.5, "ndcg": pytest.approx(1 / math.log2(3))}


def test_questions_without_a_relevant_document_do_not_count() -> None:
    assert ranking([1.0, 2.0], [False, True], [0, 1]) == {"mrr": 1.0, "ndcg": 1.0}
    assert ranking([1.0], [False], [0]) == {"mrr": 0.0, "ndcg": 0.0}
