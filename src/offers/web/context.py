"""What every view works with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from offers.reaching.blocks import Blocks
from offers.web.auth import Access
from offers.web.dead_letters import DeadLetters
from offers.web.limits import Limits
from offers.web.metrics import Metrics
from offers.web.signing import Signer

if TYPE_CHECKING:
    from offers.wiring import Services

__all__ = ["Web"]


@dataclass(frozen=True)
class Web:
    """The services and this process's own parts of the edge."""

    services: Services
    access: Access
    signer: Signer
    metrics: Metrics
    limits: Limits
    blocks: Blocks
    dead_letters: DeadLetters

    @classmethod
    def of(cls, services: Services) -> Web:
        return cls(
            services,
            Access(services.configuration, services.clock),
            Signer(services.signing_secret, services.clock),
            Metrics(services),
            Limits(services.settings.max_inflight_events),
            Blocks(),
            DeadLetters(services.settings.data_dir / "refused", services.clock),
        )
