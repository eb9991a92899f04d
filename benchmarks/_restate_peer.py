"""Restate's side: a service whose handler makes three durable steps that do nothing. Served by hypercorn in the peers' own environment."""

import restate  # type: ignore[import-not-found,unused-ignore]

three = restate.Service("Three")


@three.handler()
async def run(ctx: restate.Context, number: int) -> int:
    for _ in range(3):
        number = await ctx.run_typed("step", step, number=number)
    return number


async def step(number: int) -> int:
    return number + 1


app = restate.app([three])
