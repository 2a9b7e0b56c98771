"""What the sandbox says: short, kind, and the same for the same question.

English, or Chinese when the question holds a Chinese character. Every answer quotes the question and says that it comes
from the sandbox; which greeting and which tip it carries follows from a digest of the question.
"""

import hashlib
import re
from dataclasses import dataclass
from itertools import count

from . import tokens

_CHINESE = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
_LONGEST_QUOTE = 120


@dataclass(frozen=True, slots=True)
class _Phrases:
    space: str
    greetings: tuple[str, ...]
    asked: str
    wordless: str
    images: str
    turn: str
    explanation: str
    tips: tuple[str, ...]
    note: str
    notes: tuple[str, ...]
    reasoning: str
    tool: str


_ENGLISH = _Phrases(
    space=" ",
    greetings=("Hello from the sandbox!", "Thanks for asking.", "Good question.", "Happy to help you try this out."),
    asked="You asked: “{quote}”.",
    wordless="You sent a message without any words.",
    images="Pictures received: {images}.",
    turn="This is question {turn} of our conversation, and the earlier ones arrived with it.",
    explanation=(
        "I am the sandbox, a practice model: I know nothing about the world, I give the same question the same answer "
        "every time, and no outside service is called. If you can read this, your key and your request work."
    ),
    tips=(
        "Set stream to true to watch the tokens arrive one by one.",
        "Pass a tool and mention its name in your message, and I will call it.",
        "Pass a JSON schema as response_format, and I will answer with JSON that fits it.",
        "Ask sandbox-error-429 or sandbox-slow to see how your program copes with a bad day.",
    ),
    note="Note {number}: {text}",
    notes=(
        "one token here is a word, a punctuation mark or a Chinese character, so you can check every count by hand.",
        "when finish_reason is length, the answer ran into max_tokens; raise it and ask again.",
        "status 429 comes with a Retry-After header; wait that many seconds before the next try.",
        "the API keeps no memory between requests, so send the whole conversation with each of them.",
        "keep the system message the same from call to call; providers serve a repeated beginning from their cache.",
        "close a stream that you no longer need, and generation stops as soon as you do.",
        "set one timeout for the first byte and another for the silence between two chunks.",
        "a stream is only complete when it ends with a finish reason; treat anything else as an error.",
        "keep your key on your server, never in a page or an app that others can open.",
        "ask for stream_options.include_usage, and the last chunk of a stream tells what was counted.",
    ),
    reasoning=(
        "The user wants an answer to “{quote}”. I am the sandbox, so I will quote the question, explain what I am, and "
        "add a few notes that are useful to someone who tries out an API."
    ),
    tool="The tool answered: “{quote}”.",
)

_CHINESE_PHRASES = _Phrases(
    space="",
    greetings=("你好，这里是沙盒！", "谢谢你的提问。", "问得好。", "很高兴陪你试用。"),
    asked="你的问题是：“{quote}”。",
    wordless="你发来的消息里没有文字。",
    images="收到图片 {images} 张。",
    turn="这是我们对话中的第 {turn} 个问题，之前的内容也一并收到了。",
    explanation=(
        "我是沙盒，一个练习用的模型：我并不了解世界，同样的问题总会得到同样的回答，也不会调用任何外部服务。"
        "你能读到这段话，说明你的密钥和请求都没有问题。"
    ),
    tips=(
        "把 stream 设为 true，就能看到词元一个一个地到达。",
        "传入一个工具，并在消息里提到它的名字，我就会调用它。",
        "用 response_format 传入 JSON schema，我会返回符合它的 JSON。",
        "试试 sandbox-error-429 或 sandbox-slow，看看你的程序如何应对意外。",
    ),
    note="提示 {number}：{text}",
    notes=(
        "这里一个汉字、一个英文单词或一个标点算一个词元，每个数字都可以自己核对。",
        "finish_reason 为 length 表示回答被 max_tokens 截断，调大后再试一次。",
        "状态码 429 会带有 Retry-After 头，请等待相应的秒数再重试。",
        "接口不会记住之前的请求，每次都要发送完整的对话。",
        "让系统消息每次保持一致，服务商会用缓存处理重复的开头。",
        "不再需要的流请及时关闭，生成会立刻停止。",
        "为首字节和两个数据块之间的等待分别设置超时。",
        "流以 finish_reason 结束才算完整，其他情况都应当作错误处理。",
        "密钥只放在服务器上，不要写进网页或应用。",
        "设置 stream_options.include_usage，流的最后一块会告诉你用量。",
    ),
    reasoning="用户想知道“{quote}”的答案。我是沙盒，所以我会复述问题，说明自己是什么，再补充几条对试用接口的人有用的提示。",
    tool="工具返回的结果是：“{quote}”。",
)


@dataclass(frozen=True, slots=True)
class Question:
    """The last thing the user said: its words, how many images came with it, and its place among the questions."""

    words: str
    images: int = 0
    turn: int = 1

    @property
    def _phrases(self) -> _Phrases:
        return _CHINESE_PHRASES if _CHINESE.search(self.words) else _ENGLISH

    def answer(self, *, variant: int = 0, least_tokens: int = 0) -> str:
        """An answer of at least so many tokens; `variant` tells several choices of one request apart."""
        phrases = self._phrases
        digest = int.from_bytes(hashlib.sha256(self.words.encode()).digest()[:4]) + variant
        greeting = phrases.greetings[digest % len(phrases.greetings)]
        tip = phrases.tips[digest // len(phrases.greetings) % len(phrases.tips)]
        opening = phrases.space.join([greeting, *self._received(phrases)])
        return _lengthened(f"{opening}\n\n{phrases.explanation}\n\n{tip}", least_tokens, phrases)

    def reasoning(self) -> str:
        return self._phrases.reasoning.format(quote=_quote(self.words))

    def after_tool(self, result: str) -> str:
        """The answer once a tool has run: what the tool said, and whose words these are."""
        phrases = self._phrases
        return phrases.tool.format(quote=_quote(result)) + "\n\n" + phrases.explanation

    def _received(self, phrases: _Phrases) -> list[str]:
        quote = _quote(self.words)
        received = [phrases.asked.format(quote=quote) if quote else phrases.wordless]
        if self.images:
            received.append(phrases.images.format(images=self.images))
        if self.turn > 1:
            received.append(phrases.turn.format(turn=self.turn))
        return received


def _quote(text: str) -> str:
    """The text on one line, cut to a length that is pleasant to read."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_QUOTE else line[:_LONGEST_QUOTE].rstrip() + "…"


def _lengthened(text: str, least_tokens: int, phrases: _Phrases) -> str:
    paragraphs, missing = [text], least_tokens - tokens.count(text)
    for number in count(1):
        if missing <= 0:
            break
        note = phrases.note.format(number=number, text=phrases.notes[(number - 1) % len(phrases.notes)])
        paragraphs.append(note)
        missing -= tokens.count(note)
    return "\n\n".join(paragraphs)
