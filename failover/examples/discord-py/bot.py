"""A Discord bot under `failover run -- python bot.py`.

The supervisor decides whether this process exists, so the bot itself needs no lock: when it runs, it may log in.
It must only end soon after SIGTERM.
"""

import asyncio
import os
import signal
import sys

import discord

# Rises with every change of the leader: put it beside what you write elsewhere, and refuse what bears a lower one.
EPOCH = int(os.environ.get("FAILOVER_EPOCH", "0"))
SITE = os.environ.get("SITE_ID", "alone")

client = discord.Client(intents=discord.Intents(guilds=True))


@client.event
async def on_ready() -> None:
    print(f"logged in on {SITE} under epoch {EPOCH}", flush=True)


async def end() -> None:
    try:
        # close() can hang on a dead connection; the successor waits until this process is gone.
        await asyncio.wait_for(client.close(), timeout=2)
    except asyncio.TimeoutError:
        os._exit(0)


async def main() -> None:
    loop = asyncio.get_running_loop()
    for sig in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sig, lambda: asyncio.ensure_future(end()))
    if os.environ.get("FAILOVER_PRESTART"):
        # Started early with --prestart: everything is loaded, and nobody is logged in before the word.
        if not (await loop.run_in_executor(None, sys.stdin.readline)).startswith("GO"):
            return
    await client.start(os.environ["DISCORD_BOT_TOKEN"])


asyncio.run(main())
