"""Ports: a chat page, and the service that it talks to."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Protocol

from swiftx.domain.plans.page import ChatMessage, ChatSettings, PagePlan, Piece


class ChatService(Protocol):
    """Answers conversations, here or elsewhere. Any thread may ask."""

    def models(self) -> Sequence[str]:
        """Return the names of the models that answer.

        Raises:
            BackendError: The service cannot be reached or refuses.
        """
        ...

    def reply(
        self, messages: Sequence[ChatMessage], settings: ChatSettings
    ) -> Generator[Piece, None, None]:
        """Yield the answer as it comes; closing the generator ends the generation.

        Raises:
            UsageError: The service refuses the request, and says why.
            BackendError: The service cannot be reached, or failed.
        """
        ...


class ChatPage(Protocol):
    """Shows a chat in the browser."""

    def serve(self, plan: PagePlan, service: ChatService) -> None:
        """Serve the page until SIGTERM or SIGINT; says where it is once it is there.

        Raises:
            BackendError: The address cannot be used, or no port is free.
        """
        ...
