"""A model that takes no images: what is sent in their place, and what is said when the newest message has one."""

from collections.abc import Sequence
from dataclasses import replace

from chatcli.errors import NoImages
from chatcli.images import label
from chatcli.memory import Part
from chatcli.messages import Content, Message, has_images
from chatcli.messages import Part as MessagePart
from chatcli.model import Model

_OWN = ("input", "prompt", "system")
"""Parts whose images somebody wants sent now; those of the others were sent before."""


def check_images(model: Model, content: Content) -> None:
    """Raise NoImages when the content has images and the model is known to take none."""
    if model.images is False and has_images(content):
        raise NoImages(f"{model.name} takes no images", NoImages.HINT)


def named_only(parts: Sequence[Part]) -> list[Part]:
    """Return the parts of a request, the images of earlier messages only named in it: `[image 240 kB]`."""
    return [part if part.kind in _OWN else replace(part, messages=tuple(map(_named, part.messages))) for part in parts]


def _named(message: Message) -> Message:
    if isinstance(message.content, str) or not has_images(message.content):
        return message
    return replace(message, content=tuple(map(_name_of, message.content)))


def _name_of(part: MessagePart) -> MessagePart:
    if part.get("type") != "image_url":
        return part
    return {"type": "text", "text": label(str(part["image_url"]["url"]))}
