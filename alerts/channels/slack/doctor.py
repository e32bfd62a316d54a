"""Does Slack work? Token, scopes, channel and socket, each with what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alerts.channels.kit import Surroundings, fill_in
from alerts.channels.slack.client import Refusal, call, make_client
from alerts.channels.slack.listen import check_app_token
from alerts.channels.slack.spec import Spec
from alerts.message import Finding
from alerts.people import Person
from probes.words.errors import DeliveryError
from probes.words.text import for_log

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

NEEDED = {
    "chat:write": "the app cannot post",
    "channels:history": "a post of unknown outcome may be repeated once, as the app cannot look whether it arrived",
    "channels:read": "the app cannot look up a channel by its name",
    "im:write": "the app cannot look into direct messages before it repeats one",
}


async def examine(spec: Spec, around: Surroundings) -> list[Finding]:
    """One finding for each thing that can be wrong; posts nothing."""
    try:
        web = make_client(spec, around)
        found = await _token(web)
    except DeliveryError as error:
        return [Finding(level="fault", what=str(error), write="set the secret that channels.slack.token names")]
    people = [await _person(web, person) for person in around.people().values() if person.slack]
    return [*found, *await _channel(web, spec), *await _socket(web, spec, around), *(one for one in people if one)]


async def _token(web: AsyncWebClient) -> list[Finding]:
    """Who the token is, and what it may do: Slack names a token's scopes in a header."""
    import aiohttp
    from slack_sdk.errors import SlackApiError

    from alerts.channels.slack.errors import broken_wire, refusal

    try:
        answer = await web.auth_test()
    except SlackApiError as error:
        raise refusal(error) from None
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise broken_wire(error) from None
    team, user = for_log(str(answer.get("team")), 80), for_log(str(answer.get("user")), 80)
    found = [Finding(level="ok", what=f"Slack: the token is {user} of {team}")]
    scopes = next((value for name, value in answer.headers.items() if name.lower() == "x-oauth-scopes"), None)
    if scopes is None:
        return found
    granted = {scope.strip() for scope in str(scopes).split(",")}
    for scope, loss in NEEDED.items():
        if scope not in granted:
            level = "fault" if scope == "chat:write" else "warning"
            write = f"add {scope} under OAuth & Permissions, then reinstall the app"
            found.append(Finding(level=level, what=f"Slack: without {scope} {loss}", write=write))
    return found


async def _channel(web: AsyncWebClient, spec: Spec) -> list[Finding]:
    """Can the app see the channel? Asked by id; a name is found out by the first post."""
    if not (spec.channel[:1] in "CG" and spec.channel.isalnum() and spec.channel.isupper()):
        what = f"Slack: #{spec.channel} is given by its name, so the first post shows whether the app may write there"
        return [Finding(level="ok", what=what, write="give its id instead, such as C012AB3CD, to have it checked here")]
    try:
        await call(web, "conversations.history", channel=spec.channel, limit=1)
    except Refusal as refused:
        if refused.code == "missing_scope":
            return []
        return [Finding(level="fault", what=f"{refused}", write=f"channels.slack.channel is {spec.channel}")]
    except DeliveryError as error:
        return [
            Finding(level="warning", what=f"{error}", write="look whether this machine reaches Slack, then ask again")
        ]
    return [Finding(level="ok", what=f"Slack: the app reads {spec.channel}")]


async def _person(web: AsyncWebClient, person: Person) -> Finding | None:
    """Is there such a member, and is it a person? Without the scope nobody can say."""
    try:
        answer = await call(web, "users.info", user=person.slack)
    except Refusal as refused:
        if refused.code in ("missing_scope", "unknown_method"):
            return None
        what = f"Slack knows no {person.slack}, the id of {person.name}"
        return Finding(level="fault", what=what, write="profile, three dots, Copy member ID")
    except DeliveryError:
        return None
    user = answer.get("user") or {}
    if user.get("deleted") or user.get("is_bot"):
        what = f"Slack's {person.slack}, the id of {person.name}, is {'a bot' if user.get('is_bot') else 'deactivated'}"
        return Finding(level="fault", what=what, write="profile, three dots, Copy member ID")
    name = for_log(str(user.get("real_name") or user.get("name") or person.slack), 60)
    return Finding(level="ok", what=f"Slack: {person.name} is {name} there")


async def _socket(web: AsyncWebClient, spec: Spec, around: Surroundings) -> list[Finding]:
    if spec.signing_secret is not None and spec.app_token is None:
        what = "Slack: buttons are heard over HTTP; Slack has to be told the address"
        return [Finding(level="ok", what=what, write="Interactivity, Request URL: https://…/slack/interactivity")]
    if spec.app_token is None:
        write = "set channels.slack.app_token (xapp-…, scope connections:write) and switch Socket Mode on"
        return [Finding(level="warning", what="Slack: buttons are not heard", write=write)]
    try:
        await check_app_token(web, fill_in(spec.app_token, around, what="Slack's app_token"))
    except DeliveryError as error:
        write = "make an app-level token with connections:write, and switch Socket Mode and Interactivity on"
        return [Finding(level="fault", what=f"Slack's buttons: {error}", write=write)]
    return [Finding(level="ok", what="Slack: buttons are heard over Socket Mode")]
