"""Facts that rooms tell each other: by dotted name and version, with ids and codes, never names."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

if TYPE_CHECKING:
    from gongzhi.core.db import UnitOfWork


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A fact of one community or node, told once its transaction is committed.

    ``name`` reads ``room.object_verbed/version``; a change of meaning is a new version.
    """

    name: ClassVar[str]


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of an event that a listener reads; declared by the listener, so that no room imports another."""


@dataclass(frozen=True, kw_only=True)
class Listener:
    """A room's ear for one event; runs in the worker, once for each event and community.

    :param name: ``room.verb_object``, unique; it also names the listener's inbox.
    :param hears: the event's name with version.
    :param reads: the fields the handler wants.
    :param handler: the effect; its transaction also holds the inbox row.
    """

    name: str
    hears: str
    reads: type[Heard]
    handler: Callable[["UnitOfWork", Any], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Task:
    """Work that outlives a request; told ids only.

    :param name: ``room.verb_object``, unique.
    :param handler: gets the kernel and the ids it was enqueued with; must be safe to repeat.
    :param max_retries: how often it is tried again after a failure.
    """

    name: str
    handler: Callable[..., Awaitable[None]]
    max_retries: int = 5
