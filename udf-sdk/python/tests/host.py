"""A plugin that asks for what its sidecar gives. The end-to-end tests write the sidecar and call it."""

from waterwheel import scalar
from waterwheel_host import assets, clock, log, random


@scalar(volatility="volatile")
def clock_and_dice() -> int:
    """the time of now; negative where the host draws equal bytes twice"""
    first, second = random.bytes(16), random.bytes(16)
    log.line(3, "the dice are drawn")
    return -clock.now_ms() if first == second else clock.now_ms()


@scalar
def asset(name: str) -> str:
    """an asset as text"""
    content = assets.read(name)
    if content is None:
        raise LookupError(f"the sidecar has no asset '{name}'")
    return content.decode()
