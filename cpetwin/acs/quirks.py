"""What a model cannot bear, learnt by trying and kept per model and firmware."""

from __future__ import annotations

import msgspec

MAX_BATCH = 4096
FIRST_BATCH = 512
MAX_MODELS = 20_000


class Quirks(msgspec.Struct, frozen=True):
    """``batch``: values asked for in one GetParameterValues; ``ceiling``: a batch that failed (0: none yet);
    ``partial_paths``: a path ending in a dot is answered with everything below; ``whole_names``: the
    whole tree fits into one GetParameterNames."""

    batch: int = FIRST_BATCH
    ceiling: int = 0
    partial_paths: bool = True
    whole_names: bool = True

    def worked(self, size: int) -> Quirks:
        """A batch of ``size`` was answered: try twice as much next, below what failed."""
        if size < self.batch:
            return self
        larger = min(self.batch * 2, MAX_BATCH)
        if self.ceiling:
            larger = min(larger, max(self.ceiling - 1, 1))
        return msgspec.structs.replace(self, batch=max(larger, self.batch))

    def failed(self, size: int) -> Quirks:
        """A batch of ``size`` was too much."""
        ceiling = min(self.ceiling or size, size)
        return msgspec.structs.replace(self, ceiling=ceiling, batch=max(1, min(self.batch, size // 2)))


def model_key(oui: str, product_class: str, firmware: str) -> str:
    """The name quirks are kept under."""
    return f"{oui}|{product_class}|{firmware}"[:256]


class QuirkBook:
    """Quirks of all models in memory; bounded, the oldest entry goes first."""

    def __init__(self, stored: list[tuple[str, bytes]] = []) -> None:  # noqa: B006
        self._models = {key: msgspec.json.decode(body, type=Quirks) for key, body in stored}

    def of(self, model: str) -> Quirks:
        return self._models.get(model, _DEFAULT)

    def learn(self, model: str, quirks: Quirks) -> bytes | None:
        """Remember; returns the record to store, None when nothing is new."""
        if self._models.get(model, _DEFAULT) == quirks:
            return None
        if len(self._models) >= MAX_MODELS:
            del self._models[next(iter(self._models))]
        self._models[model] = quirks
        return msgspec.json.encode(quirks)


_DEFAULT = Quirks()
