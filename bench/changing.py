"""Change a source Secret and time until the new key is delivered."""

import time

from bench import manifests
from bench.kube import secrets_of
from bench.observed import Follower, Place
from bench.run import Run


async def change(run: Run, follower: Follower, place: Place) -> tuple[float, float]:
    """Give a credential another good key; when (`time.time`) the request was sent, and when all was as it should be."""
    namespace, name = place
    key = manifests.new_key()
    body = {"data": {manifests.FIELD: manifests.encoded(key)}}
    sent = time.time()
    await run.stage.admin.merge(f"{secrets_of(namespace)}/{name}-source", body)
    return sent, await follower.delivered(place, key)


async def change_seconds(run: Run, follower: Follower, place: Place) -> float:
    sent, done = await change(run, follower, place)
    return done - sent
