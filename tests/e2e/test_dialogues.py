"""The two dialogues that the program was made for."""

from langchain_community.chat_message_histories import RedisChatMessageHistory

from tests.e2e.conftest import User
from tests.redis_server import RedisServer

BOT = "你是一个乐于助人的机器人"
HISTORIAN = "你是一个擅长{ability}的助手"


def test_a_bot_that_was_told_a_name_is_asked_for_it_with_the_whole_dialogue(user: User) -> None:
    user.server.replies("你好", "JavaEdge！")
    user.server.replies("你叫JavaEdge。")
    with user.chat("--session", "JavaEdge", "--system", BOT) as term:
        term.wait_for("you>")
        term.enter("你好我是JavaEdge")
        term.wait_for("你好JavaEdge！")
        term.enter("我叫什么名字?")
        term.wait_for("你叫JavaEdge。")
        term.key("c-d")
        assert term.wait_exit() == 0
    assert user.server.chats[1].texts == [
        ("system", BOT),
        ("user", "你好我是JavaEdge"),
        ("assistant", "你好JavaEdge！"),
        ("user", "我叫什么名字?"),
    ]
    assert user.server.chats[0].body["model"] == "test-model"


def test_the_next_day_the_session_goes_on_with_its_system_text(user: User) -> None:
    user.run("ask", "-s", "JavaEdge", "--system", BOT, "你好我是JavaEdge")
    with user.chat("--session", "JavaEdge") as term:
        term.wait_for("你好我是JavaEdge")
        term.wait_for("you>")
        term.enter("我叫什么名字?")
        term.wait_for("Turn 2: 我叫什么名字?")
        term.key("c-d")
        term.wait_exit()
    assert user.server.chats[1].texts[0] == ("system", BOT)
    assert user.server.chats[1].texts[1] == ("user", "你好我是JavaEdge")


def test_a_chat_in_memory_ends_with_the_process_and_says_so(user: User) -> None:
    with user.chat("--session", "JavaEdge", "--store", "memory:") as term:
        term.wait_for("it ends with this chat")
        term.enter("你好我是JavaEdge")
        term.wait_for("Turn 1")
        term.key("c-d")
        term.wait_exit()
    user.run("ask", "-s", "JavaEdge", "--store", "memory:", "我叫什么名字?")
    assert user.server.chats[1].texts == [("user", "我叫什么名字?")]


def test_ask_is_langchains_invoke_with_a_session_in_redis(user: User, redis_server: RedisServer) -> None:
    user.server.replies("西安，", "1077年。")
    flags = ("-s", "JavaEdge", "--store", redis_server.url)
    first = user.run("ask", *flags, "--system", HISTORIAN, "--var", "ability=历史", "中国建都时间最长的城市是哪个?")
    assert (first.returncode, first.stdout) == (0, "西安，1077年。\n")
    second = user.run("ask", *flags, "它有多少年建都历史？")
    assert second.returncode == 0, second.stderr
    assert user.server.chats[1].texts == [
        ("system", "你是一个擅长历史的助手"),
        ("user", "中国建都时间最长的城市是哪个?"),
        ("assistant", "西安，1077年。"),
        ("user", "它有多少年建都历史？"),
    ]
    there = RedisChatMessageHistory("JavaEdge", url=redis_server.url)
    assert [(message.type, message.content) for message in there.messages][:2] == [
        ("human", "中国建都时间最长的城市是哪个?"),
        ("ai", "西安，1077年。"),
    ]


def test_a_session_that_langchain_wrote_opens_here(user: User, redis_server: RedisServer) -> None:
    there = RedisChatMessageHistory("from-langchain", url=redis_server.url)
    there.add_user_message("I am Ada")
    there.add_ai_message("Hello Ada")
    user.run("ask", "-s", "from-langchain", "--store", redis_server.url, "Who am I?")
    assert user.server.chats[0].texts == [
        ("user", "I am Ada"),
        ("assistant", "Hello Ada"),
        ("user", "Who am I?"),
    ]
