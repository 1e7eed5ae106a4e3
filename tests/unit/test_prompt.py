import pytest

from chatcli.context import merged
from chatcli.errors import UsageError
from chatcli.memory import Part
from chatcli.messages import Message
from chatcli.prompt import DEFAULT, check_variables, fill, make_prompt, variables_of, with_system

PAST = [Part("tail", (Message("user", "Hi {name} {"), Message("assistant", "Hello }} {x}")))]
QUESTION = Message("user", "How {many}?")


def sent(prompt, variables=None, past=PAST, question=QUESTION):  # type: ignore[no-untyped-def]
    return [
        (message.role, message.content)
        for part in fill(prompt, variables or {}, past, question)
        for message in part.messages
    ]


PAST_SENT = [("user", "Hi {name} {"), ("assistant", "Hello }} {x}")]


def test_the_default_prompt_is_the_history_and_the_input() -> None:
    assert sent(DEFAULT) == [*PAST_SENT, ("user", "How {many}?")]


def test_the_users_example_fills_its_variable() -> None:
    prompt = make_prompt([
        {"role": "system", "content": "你是一个擅长{ability}的助手"},
        {"placeholder": "history"},
        {"role": "human", "content": "{input}"},
    ])  # fmt: skip
    assert sent(prompt, {"ability": "历史"}) == [
        ("system", "你是一个擅长历史的助手"),
        *PAST_SENT,
        ("user", "How {many}?"),
    ]


def test_the_placeholder_may_stand_anywhere() -> None:
    prompt = make_prompt([{"role": "user", "content": "{input}"}, {"placeholder": "history"}])
    assert sent(prompt) == [("user", "How {many}?"), *PAST_SENT]


def test_a_prompt_that_names_neither_history_nor_input_gets_both_at_its_end() -> None:
    prompt = make_prompt([{"role": "system", "content": "Be brief."}])
    assert sent(prompt) == [("system", "Be brief."), *PAST_SENT, ("user", "How {many}?")]


def test_the_history_goes_before_the_message_with_the_input() -> None:
    prompt = make_prompt([{"role": "user", "content": "Q: {input}"}, {"role": "system", "content": "Be brief."}])
    assert [role for role, _ in sent(prompt)] == ["user", "assistant", "user", "system"]


def test_the_history_goes_before_the_last_message_with_the_input_when_the_system_text_holds_it_too() -> None:
    prompt = make_prompt([{"role": "system", "content": "About {input}"}, {"role": "user", "content": "{input}"}])
    assert sent(prompt) == [("system", "About How {many}?"), *PAST_SENT, ("user", "How {many}?")]


def test_the_input_may_be_a_placeholder() -> None:
    for written in ("input", "{input}"):
        prompt = make_prompt([{"placeholder": "history"}, {"placeholder": written}])
        assert variables_of(prompt) == set()
        assert sent(prompt) == [*PAST_SENT, ("user", "How {many}?")]
        assert [part.kind for part in fill(prompt, {}, PAST, QUESTION)] == ["tail", "input"]


def test_the_history_may_be_text_with_prefixes() -> None:
    prompt = make_prompt(
        [{"role": "user", "content": "So far:\n{history}\nNow: {input}"}], human_prefix="我", ai_prefix="机器人"
    )
    assert sent(prompt) == [("user", "So far:\n我: Hi {name} {\n机器人: Hello }} {x}\nNow: How {many}?")]


def test_a_missing_variable_is_named_before_anything_else() -> None:
    prompt = make_prompt([{"role": "system", "content": "{a} {b} {{c}} { d } {1} {}"}], name="demo")
    assert variables_of(prompt) == {"a", "b"}
    with pytest.raises(UsageError) as caught:
        check_variables(prompt, {"a": "1"})
    assert "'demo'" in caught.value.message
    assert "{b}" in caught.value.message
    assert "--var b=" in caught.value.hint


def test_only_names_in_braces_are_variables_so_json_stands_as_it_is() -> None:
    prompt = make_prompt([{"role": "system", "content": 'Answer as {"a": [1, {}]}; {{name}} is literal'}])
    assert sent(prompt, past=[])[0] == ("system", 'Answer as {"a": [1, {}]}; {name} is literal')


def test_a_value_is_never_treated_as_a_template() -> None:
    prompt = make_prompt([{"role": "system", "content": "{a}"}])
    assert sent(prompt, {"a": "{b} {{"}, past=[])[0] == ("system", "{b} {{")


def test_an_image_part_may_have_variables_in_its_url() -> None:
    prompt = make_prompt([
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Look at {what}: {input}"},
                {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,{img}", "detail": "low"}},
            ],
        }
    ])  # fmt: skip
    assert variables_of(prompt) == {"what", "img"}
    assert sent(prompt, {"what": "this", "img": "AAAA"}, past=[]) == [
        (
            "user",
            (
                {"type": "text", "text": "Look at this: How {many}?"},
                {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,AAAA", "detail": "low"}},
            ),
        )
    ]


def test_an_input_with_an_image_keeps_its_parts_inside_a_template() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:,x"}}
    question = Message("user", ({"type": "text", "text": "What is it?"}, image))
    prompt = make_prompt([{"role": "user", "content": "Q: {input}"}])
    assert sent(prompt, past=[], question=question) == [("user", ({"type": "text", "text": "Q: What is it?"}, image))]
    assert sent(DEFAULT, past=[], question=question) == [("user", question.content)]


def test_an_optional_placeholder_may_be_missing_and_another_may_not() -> None:
    optional = make_prompt([{"placeholder": "examples", "optional": True}])
    assert sent(optional, past=[]) == [("user", "How {many}?")]
    with pytest.raises(UsageError, match=r"\{examples\}"):
        fill(make_prompt([{"placeholder": "{examples}"}]), {}, [], QUESTION)


def test_a_placeholder_takes_messages_from_a_variable() -> None:
    prompt = make_prompt([{"placeholder": "examples"}])
    examples = '[{"role": "user", "content": "1+1 {x}"}, {"role": "ai", "content": "2"}]'
    assert sent(prompt, {"examples": examples}, past=[])[:2] == [("user", "1+1 {x}"), ("assistant", "2")]
    for wrong in (
        "no json",
        '"text"',
        "[1]",
        '[{"role": "nobody", "content": ""}]',
        "3",
        '[{"placeholder": "x"}]',
        '[{"placeholder": "input"}]',
    ):
        with pytest.raises(UsageError, match="examples"):
            fill(prompt, {"examples": wrong}, [], QUESTION)


def test_a_system_text_replaces_the_prompts_own() -> None:
    prompt = make_prompt([{"role": "system", "content": "old"}])
    assert sent(with_system(prompt, "new {{}}"), past=[])[0] == ("system", "new {}")
    assert sent(with_system(prompt, ""), past=[]) == [("user", "How {many}?")]
    assert sent(with_system(DEFAULT, "new"), past=[])[0] == ("system", "new")


def test_what_stood_in_the_replaced_system_text_is_sent_all_the_same() -> None:
    prompt = make_prompt([{"role": "system", "content": "{history}"}, {"role": "user", "content": "Q: {input}"}])
    assert sent(with_system(prompt, "new")) == [("system", "new"), *PAST_SENT, ("user", "Q: How {many}?")]
    prompt = make_prompt([{"role": "system", "content": "Answer {input}"}])
    assert sent(with_system(prompt, "new")) == [("system", "new"), *PAST_SENT, ("user", "How {many}?")]
    assert sent(with_system(prompt, "")) == [*PAST_SENT, ("user", "How {many}?")]


def test_a_system_text_with_the_history_does_not_have_it_sent_twice() -> None:
    told = with_system(DEFAULT, "So far: {history}")
    assert sent(told) == [
        ("system", "So far: Human: Hi {name} {\nAI: Hello }} {x}"),
        ("user", "How {many}?"),
    ]
    assert sent(with_system(told, "new")) == [("system", "new"), *PAST_SENT, ("user", "How {many}?")]


def test_the_input_is_a_message_of_the_users_even_when_the_system_text_holds_it() -> None:
    asked = [("system", "Answer How {many}?"), *PAST_SENT, ("user", "How {many}?")]
    assert sent(with_system(DEFAULT, "Answer {input}")) == asked
    assert sent(make_prompt([{"role": "system", "content": "Answer {input}"}])) == asked


@pytest.mark.parametrize(
    "entry", [{}, {"role": "boss", "content": "x"}, {"role": "user"}, {"role": "user", "content": 3}]
)
def test_an_entry_of_another_kind_is_an_error_that_shows_it(entry: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="'demo'"):
        make_prompt([entry], name="demo")


def test_without_a_question_the_input_says_so() -> None:
    assert sent(DEFAULT, past=[], question=None) == [("user", "{input}")]


def test_parts_are_named_by_their_kind() -> None:
    prompt = make_prompt([{"role": "system", "content": "s"}, {"role": "assistant", "content": "example"}])
    assert [part.kind for part in fill(prompt, {}, PAST, QUESTION)] == ["system", "prompt", "tail", "input"]


def test_a_summary_joins_the_leading_system_text_also_where_examples_stand_between() -> None:
    prompt = make_prompt(
        [{"role": "system", "content": "S"}, {"role": "user", "content": "e"}, {"role": "assistant", "content": "x"}]
    )
    summary = Part("summary", (Message("system", "SUM"),), "before")
    parts = fill(prompt, {}, [summary, *PAST], QUESTION)
    assert next((message.role, message.text) for message in merged(parts)) == ("system", "S\n\nSUM")
    assert [part.kind for part in parts] == ["system", "summary", "prompt", "prompt", "tail", "input"]
