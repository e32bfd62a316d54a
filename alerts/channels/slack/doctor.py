"""Does Slack work? Token, scopes, channel and socket, each with what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alerts.channels.kit import Surroundings, fill_in
from alerts.channels.slack.client import Refusal, call, make_client
from alerts.channels.slack.spec import Spec
from alerts.channels.slack.wire import Hello, hello
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
    "users:read": "nobody can say here whether the member ids of people are right",
    "commands": "the shortcuts on a message are not there",
}
_WRITE = "profile, three dots, Copy member ID"
PAGES = 20  # of 1,000 channels


async def examine(spec: Spec, around: Surroundings) -> list[Finding]:
    """One finding for each thing that can be wrong; posts nothing."""
    try:
        web = make_client(spec, around)
        found, bot = await _token(web)
    except DeliveryError as error:
        return [Finding(level="fault", what=str(error), write="set the secret that channels.slack.token names")]
    people = [await _person(web, person) for person in around.people().values() if person.slack]
    return [
        *found,
        *await _channel(web, spec),
        *await _socket(web, spec, around, bot=bot),
        *(one for one in people if one),
    ]


async def strangers(spec: Spec, around: Surroundings) -> dict[str, Finding]:
    """What is wrong with the member ids of people, by their key: only what Slack says itself, so what it may not be
    asked is not wrong. Raises DeliveryError when it cannot be asked."""
    web = make_client(spec, around)
    found = {person.key: await _asked(web, person) for person in around.people().values() if person.slack}
    return {key: one for key, one in found.items() if one is not None and one.level == "fault"}


async def _token(web: AsyncWebClient) -> tuple[list[Finding], str]:
    """Who the token is, and what it may do: Slack names a token's scopes in a header. With the id of its bot."""
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
    bot = str(answer.get("bot_id") or "")
    scopes = next((value for name, value in answer.headers.items() if name.lower() == "x-oauth-scopes"), None)
    if scopes is None:
        return found, bot
    granted = {scope.strip() for scope in str(scopes).split(",")}
    for scope, loss in NEEDED.items():
        if scope not in granted:
            level = "fault" if scope == "chat:write" else "warning"
            write = f"add {scope} under OAuth & Permissions, then reinstall the app"
            found.append(Finding(level=level, what=f"Slack: without {scope} {loss}", write=write))
    return found, bot


async def _channel(web: AsyncWebClient, spec: Spec) -> list[Finding]:
    """Can the app see the channel? A name is looked up."""
    if not (spec.channel[:1] in "CG" and spec.channel.isalnum() and spec.channel.isupper()):
        return [await _named(web, spec.channel)]
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


async def _named(web: AsyncWebClient, name: str) -> Finding:
    """The channel of that name, if the app sees one."""
    try:
        found = await _looked_up(web, name)
    except Refusal as refused:
        write = "give the channel's id, such as C012AB3CD, or add channels:read and reinstall the app"
        return Finding(level="warning", what=f"Slack: #{name} cannot be looked up ({refused})", write=write)
    except DeliveryError as error:
        return Finding(
            level="warning", what=f"{error}", write="look whether this machine reaches Slack, then ask again"
        )
    if found is None:
        write = "look whether the name is right; in a private channel write /invite @showup"
        return Finding(level="fault", what=f"Slack: the app sees no channel #{name}", write=write)
    if found.get("is_archived"):
        return Finding(level="fault", what=f"Slack: #{name} is archived", write="choose another channel")
    if found.get("is_member") is False:
        what = f"Slack: the app is not in #{name}, so it cannot look there whether a post arrived"
        return Finding(level="warning", what=what, write="write /invite @showup there")
    return Finding(level="ok", what=f"Slack: #{name} is there, and the app is in it")


async def _looked_up(web: AsyncWebClient, name: str) -> dict[str, object] | None:
    """Among the channels that the app sees; without groups:read, among the public ones."""
    try:
        return await _among(web, name, "public_channel,private_channel")
    except Refusal as refused:
        if refused.code != "missing_scope":
            raise
        return await _among(web, name, "public_channel")


async def _among(web: AsyncWebClient, name: str, kinds: str) -> dict[str, object] | None:
    cursor = ""
    for _ in range(PAGES):
        answer = await call(web, "conversations.list", limit=1000, types=kinds, cursor=cursor)
        for one in answer.get("channels") or []:
            if one.get("name") == name:
                return dict(one)
        cursor = str((answer.get("response_metadata") or {}).get("next_cursor") or "")
        if not cursor:
            break
    return None


async def _person(web: AsyncWebClient, person: Person) -> Finding | None:
    try:
        return await _asked(web, person)
    except DeliveryError:
        return None  # the token's own line says so


async def _asked(web: AsyncWebClient, person: Person) -> Finding | None:
    """Is there such a member, and is it a person? Without the scope nobody can say. Raises DeliveryError when there is
    no answer."""
    try:
        answer = await call(web, "users.info", user=person.slack)
    except Refusal as refused:
        if refused.code in ("missing_scope", "unknown_method"):
            return None
        if refused.code not in ("user_not_found", "users_not_found", "user_not_visible"):
            raise
        what = f"Slack knows no {person.slack}, the id of {person.name}"
        return Finding(level="fault", what=what, write=_WRITE)
    user = answer.get("user") or {}
    if user.get("deleted") or user.get("is_bot"):
        what = f"Slack's {person.slack}, the id of {person.name}, is {'a bot' if user.get('is_bot') else 'deactivated'}"
        return Finding(level="fault", what=what, write=_WRITE)
    name = for_log(str(user.get("real_name") or user.get("name") or person.slack), 60)
    return Finding(level="ok", what=f"Slack: {person.name} is {name} there")


async def _socket(web: AsyncWebClient, spec: Spec, around: Surroundings, *, bot: str) -> list[Finding]:
    if spec.signing_secret is not None:
        try:
            fill_in(spec.signing_secret, around, what="Slack's signing_secret")
        except DeliveryError as error:
            write = "set the secret that channels.slack.signing_secret names (Basic Information, Signing Secret)"
            return [Finding(level="fault", what=str(error), write=write)]
        if spec.app_token is None:
            what = "Slack: buttons are heard over HTTP; Slack has to be told the address"
            return [Finding(level="ok", what=what, write="Interactivity, Request URL: https://…/slack/interactivity")]
    if spec.app_token is None:
        write = "set channels.slack.app_token (xapp-…, scope connections:write) and switch Socket Mode on"
        return [Finding(level="warning", what="Slack: buttons are not heard", write=write)]
    try:
        said = await hello(web, fill_in(spec.app_token, around, what="Slack's app_token"))
    except DeliveryError as error:
        write = "make an app-level token with connections:write, and switch Socket Mode and Interactivity on"
        return [Finding(level="fault", what=f"Slack's buttons: {error}", write=write)]
    return [*_heard(said), *await _same_app(web, said, bot)]


def _heard(said: Hello) -> list[Finding]:
    """This look is a connection itself, and the showup that runs is another: a third takes clicks from it."""
    others = said.connections - 1
    if others > 1:
        what = f"Slack: {others} other connections hear this app, and each click goes to one of them alone"
        write = "one showup an app: stop the others, or make an app for each"
        return [Finding(level="warning", what=what, write=write)]
    who = "; one listens now" if others else "; none listens now, so showup is not running"
    return [Finding(level="ok", what=f"Slack: buttons are heard over Socket Mode{who}")]


async def _same_app(web: AsyncWebClient, said: Hello, bot: str) -> list[Finding]:
    """Are both tokens of one app? Else every click goes to an app that posted nothing."""
    try:
        theirs = (await call(web, "bots.info", bot=bot)).get("bot") or {} if bot and said.app else {}
    except DeliveryError:
        return []
    if theirs.get("app_id") in (None, "", said.app):
        return []
    write = "copy both tokens from one app: token under OAuth & Permissions, app_token under Basic Information"
    return [Finding(level="fault", what="Slack: token and app_token are of two different apps", write=write)]
