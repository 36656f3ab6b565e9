import aiohttp

from tests.support.simulator.simulator import Simulator
from tests.support.simulator.tokens import Granted


async def exchanged(
    simulator: Simulator, client: aiohttp.ClientSession, refresh_token: str
) -> tuple[int, dict[str, str]]:
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token, "client_id": "a-program"}
    async with client.post(f"{simulator.origin('qwen-code')}/api/v1/oauth2/token", data=form) as answer:
        return answer.status, await answer.json()


async def test_a_refresh_token_works_once_and_gives_a_key_that_is_good(
    simulator: Simulator, client: aiohttp.ClientSession
) -> None:
    simulator.allow_refresh("qwen-code", "first", Granted("mark", 60))

    status, given = await exchanged(simulator, client, "first")

    assert (status, given["expires_in"]) == (200, 60)
    assert (await exchanged(simulator, client, "first"))[0] == 400
    assert (await exchanged(simulator, client, given["refresh_token"]))[0] == 200
    headers = {"Authorization": f"Bearer {given['access_token']}"}
    async with client.get(f"{simulator.url('qwen-code')}/models", headers=headers) as answer:
        assert answer.status == 200
