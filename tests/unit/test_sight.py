"""A model that takes no images: nothing is lost, and old images do not make it useless."""

import pytest

from chatcli.chat import Chat
from chatcli.errors import BadRequest, ChatError, NoImages, ServerError
from chatcli.messages import Message
from chatcli.model import clues
from chatcli.model.wire import to_wire
from chatcli.stores.in_memory import InMemoryStore
from chatcli.turn import Notice
from tests.fakes import ScriptedModel

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 320_000}}
PICTURE = ({"type": "text", "text": "What is it?"}, IMAGE)


def chat_with(model: ScriptedModel, *history: Message) -> Chat:
    store = InMemoryStore()
    store.append("s", history)
    return Chat(store, "s", model)


SEEN = (Message("user", PICTURE), Message("assistant", "A cat"))


def test_an_image_for_a_model_that_takes_none_is_refused_before_anything_is_kept() -> None:
    model = ScriptedModel()
    model.images = False
    chat = chat_with(model)
    with pytest.raises(NoImages, match="scripted takes no images") as caught:
        chat.send(PICTURE)
    assert "--model" in caught.value.hint
    assert (chat.unfinished(), model.asked) == ([], [])


def test_the_model_that_answers_this_once_is_the_one_that_must_take_the_image() -> None:
    sees, blind = ScriptedModel(["A cat"]), ScriptedModel()
    blind.images = False
    chat = chat_with(sees)
    list(chat.send(PICTURE))
    with pytest.raises(NoImages):
        chat.retry(model=blind)
    chat.model = blind
    list(chat.retry(model=ScriptedModel(["A dog"])))
    assert chat.store.messages("s")[1].text == "A dog"


def test_images_of_earlier_turns_are_only_named_to_it() -> None:
    model = ScriptedModel()
    model.images = False
    list(chat_with(model, *SEEN).send("And its name?"))
    assert model.said[0][0] == ("user", "What is it?\n[image 240 kB]")
    assert IMAGE not in model.asked[0][0].content


def test_an_endpoint_that_refuses_old_images_is_asked_once_more_without_them() -> None:
    model = ScriptedModel([NoImages("no", "images")], ["Tom"], ["Yes"])
    chat = chat_with(model, *SEEN)
    events = list(chat.send("And its name?"))
    assert [event.text for event in events if isinstance(event, Notice)] == [
        "scripted takes no images; those of earlier turns are only named"
    ]
    list(chat.send("Sure?"))
    assert [request[0][1] for request in model.said[1:]] == ["What is it?\n[image 240 kB]"] * 2
    assert chat.store.messages("s")[0].content == PICTURE


def test_a_refused_new_image_stays_with_its_turn_for_another_model() -> None:
    chat = chat_with(ScriptedModel([NoImages("no", "images")]))
    with pytest.raises(NoImages):
        list(chat.send(PICTURE))
    (kept,) = chat.unfinished()
    assert kept.user.content == PICTURE
    chat.model = sees = ScriptedModel(["A cat"])
    list(chat.retry(kept))
    assert sees.asked[0][-1].content == PICTURE


def test_a_refusal_without_any_image_sent_is_told() -> None:
    model = ScriptedModel([NoImages("no", "images")])
    with pytest.raises(NoImages):
        list(chat_with(model).send("Hi"))
    assert len(model.asked) == 1


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "Invalid content type. image_url is only supported by certain models."),
        (422, "messages[0]: unknown variant `image_url`, expected `text`"),
        (500, "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj"),
        (404, "No endpoints found that support image input"),
        (400, "google/gemma is not a multimodal model"),
        (400, "At most 0 image(s) may be provided in one prompt."),
        (400, "Image input is not enabled for this model"),
        (400, "this model does not support images"),
        (400, "The model does not support image input"),
        (500, "this model is missing data required for image input"),
    ],
)
def test_what_endpoints_say_of_images_is_understood(status: int, words: str) -> None:
    assert clues.classify(status, words) is NoImages
    assert clues.classify_in_stream({"message": words}, words) is NoImages


def test_other_words_about_images_are_another_refusal() -> None:
    assert clues.classify(400, "Invalid image data") is BadRequest
    assert clues.classify(500, "failed to process the image") is ServerError
    assert issubclass(NoImages, ChatError)


def test_parts_that_are_all_text_go_as_one_text() -> None:
    parts = ({"type": "text", "text": "Look"}, {"type": "text", "text": "a.txt:\n```\nx\n```"})
    assert to_wire(Message("user", parts))["content"] == "Look\n\na.txt:\n```\nx\n```"
    marked = ({"type": "text", "text": "Look", "cache_control": {"type": "ephemeral"}},)
    assert to_wire(Message("user", marked))["content"] == [dict(marked[0])]


def test_a_turn_with_files_is_sent_the_same_when_it_is_the_newest_and_when_it_is_history() -> None:
    model = ScriptedModel()
    chat = chat_with(model)
    parts = (PICTURE[0], {"type": "text", "text": "a.txt:\n```\nx\n```"}, IMAGE)
    list(chat.send(parts))
    list(chat.send("And?"))
    assert to_wire(model.asked[0][0]) == to_wire(model.asked[1][0])
