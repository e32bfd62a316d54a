"""What Slack accepts as blocks: kinds, lengths and counts, each refusal with its JSON pointer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

MAX_BLOCKS = 50
MAX_TOTAL = 13_000  # characters of text over all blocks of a message
_STYLES = ("primary", "danger")


def find_faults(blocks: Any) -> list[str]:
    """What is wrong with these blocks, in Slack's manner: `[ERROR] … [json-pointer:/blocks/0/text/text]`."""
    if not isinstance(blocks, list):
        return [_at("/blocks", "must be an array")]
    if len(blocks) > MAX_BLOCKS:
        return [_at("/blocks", f"no more than {MAX_BLOCKS} items allowed [input:{len(blocks)}]")]
    found: list[str] = []
    ids: set[str] = set()
    for number, block in enumerate(blocks):
        place = f"/blocks/{number}"
        if not isinstance(block, dict):
            found.append(_at(place, "must be an object"))
            continue
        found += _check_block(block, place)
        name = block.get("block_id")
        if isinstance(name, str) and name:
            if name in ids:
                found.append(_at(f"{place}/block_id", f"`block_id` {name[:60]} already exists"))
            ids.add(name)
    return found


def count_text(blocks: Any) -> int:
    """Characters of text in these blocks."""
    if isinstance(blocks, dict):
        own = blocks.get("text")
        return (len(own) if isinstance(own, str) else 0) + sum(count_text(v) for v in blocks.values())
    return sum(count_text(item) for item in blocks) if isinstance(blocks, list) else 0


def find_buttons(blocks: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every element that can be pressed, with the id of its block."""
    for block in blocks:
        name = str(block.get("block_id", ""))
        elements = block.get("elements") if block.get("type") == "actions" else [block.get("accessory")]
        for element in elements if isinstance(elements, list) else []:
            if isinstance(element, dict) and element.get("type") == "button":
                yield name, element


def name_blocks(blocks: list[dict[str, Any]], prefix: str) -> list[dict[str, Any]]:
    """The same blocks, each with a block_id; elements that can be pressed get an action_id."""
    named: list[dict[str, Any]] = []
    for number, block in enumerate(blocks):
        copy = {**block, "block_id": block.get("block_id") or f"{prefix}{number}"}
        if isinstance(copy.get("elements"), list) and copy["type"] == "actions":
            copy["elements"] = [{"action_id": f"{prefix}{number}.{n}"} | e for n, e in enumerate(copy["elements"])]
        if isinstance(copy.get("accessory"), dict):
            copy["accessory"] = {"action_id": f"{prefix}{number}.a"} | copy["accessory"]
        named.append(copy)
    return named


def _at(place: str, what: str) -> str:
    return f"[ERROR] {what} [json-pointer:{place}]"


def _check_block(block: dict[str, Any], place: str) -> list[str]:
    kind = block.get("type")
    check = _BLOCKS.get(kind) if isinstance(kind, str) else None
    if check is None:
        return [_at(f"{place}/type", f"unsupported type: {str(kind)[:60]}")]
    return [*_length(block, "block_id", 255, place), *check(block, place)]


def _length(owner: Mapping[str, Any], key: str, limit: int, place: str, *, required: bool = False) -> list[str]:
    value = owner.get(key)
    if value is None:
        return [_at(place, f"missing required field: {key}")] if required else []
    if not isinstance(value, str):
        return [_at(f"{place}/{key}", "must be a string")]
    if required and not value:
        return [_at(f"{place}/{key}", "must be more than 0 characters")]
    return [_at(f"{place}/{key}", f"must be less than {limit + 1} characters")] if len(value) > limit else []


def _text(value: Any, limit: int, place: str, *, plain: bool = False) -> list[str]:
    if not isinstance(value, dict):
        return [_at(place, "must be an object")]
    allowed = ("plain_text",) if plain else ("plain_text", "mrkdwn")
    if value.get("type") not in allowed:
        return [_at(f"{place}/type", f"must be one of: {', '.join(allowed)}")]
    return _length(value, "text", limit, place, required=True)


def _items(block: Mapping[str, Any], key: str, limit: int, place: str) -> tuple[list[Any], list[str]]:
    items = block.get(key)
    if not isinstance(items, list) or not items:
        return [], [_at(f"{place}/{key}", "must have at least 1 item")]
    if len(items) > limit:
        return [], [_at(f"{place}/{key}", f"no more than {limit} items allowed [input:{len(items)}]")]
    return items, []


def _section(block: dict[str, Any], place: str) -> list[str]:
    found: list[str] = []
    if "text" not in block and "fields" not in block:
        return [_at(place, "missing required field: text")]
    if "text" in block:
        found += _text(block["text"], 3000, f"{place}/text")
    if "fields" in block:
        fields, wrong = _items(block, "fields", 10, place)
        found += wrong
        for number, field in enumerate(fields):
            found += _text(field, 2000, f"{place}/fields/{number}")
    if "accessory" in block:
        found += _element(block["accessory"], f"{place}/accessory")
    return found


def _header(block: dict[str, Any], place: str) -> list[str]:
    return _text(block.get("text"), 150, f"{place}/text", plain=True)


def _context(block: dict[str, Any], place: str) -> list[str]:
    items, found = _items(block, "elements", 10, place)
    for number, item in enumerate(items):
        where = f"{place}/elements/{number}"
        is_image = isinstance(item, dict) and item.get("type") == "image"
        found += _image(item, where) if is_image else _text(item, 2000, where)
    return found


def _actions(block: dict[str, Any], place: str) -> list[str]:
    items, found = _items(block, "elements", 25, place)
    seen: set[str] = set()
    for number, item in enumerate(items):
        where = f"{place}/elements/{number}"
        found += _element(item, where)
        name = item.get("action_id") if isinstance(item, dict) else None
        if isinstance(name, str):
            if name in seen:
                found.append(_at(f"{where}/action_id", f"`action_id` {name[:60]} already exists"))
            seen.add(name)
    return found


def _image(block: dict[str, Any], place: str) -> list[str]:
    return [
        *_length(block, "image_url", 3000, place, required=True),
        *_length(block, "alt_text", 2000, place, required=True),
    ]


def _markdown(block: dict[str, Any], place: str) -> list[str]:
    return _length(block, "text", 12_000, place, required=True)


def _nothing(_block: dict[str, Any], _place: str) -> list[str]:
    return []


def _element(item: Any, place: str) -> list[str]:
    if not isinstance(item, dict):
        return [_at(place, "must be an object")]
    if item.get("type") == "image":
        return _image(item, place)
    if item.get("type") not in ("button", "static_select", "users_select", "overflow", "datepicker"):
        return [_at(f"{place}/type", f"unsupported type: {str(item.get('type'))[:60]}")]
    found = _length(item, "action_id", 255, place)
    if item["type"] == "button":
        found += _text(item.get("text"), 75, f"{place}/text", plain=True)
        found += _length(item, "value", 2000, place) + _length(item, "url", 3000, place)
        if "style" in item and item["style"] not in _STYLES:
            found.append(_at(f"{place}/style", f"must be one of: {', '.join(_STYLES)}"))
    elif item["type"] in ("static_select", "overflow"):
        found += _items(item, "options", 100 if item["type"] == "static_select" else 5, place)[1]
    if "confirm" in item:
        found += _confirm(item["confirm"], f"{place}/confirm")
    return found


def _confirm(value: Any, place: str) -> list[str]:
    if not isinstance(value, dict):
        return [_at(place, "must be an object")]
    found = _text(value.get("text"), 300, f"{place}/text")
    for key, limit in (("title", 100), ("confirm", 30), ("deny", 30)):
        if key in value:
            found += _text(value[key], limit, f"{place}/{key}", plain=True)
    return found


_BLOCKS = {
    "section": _section,
    "header": _header,
    "context": _context,
    "actions": _actions,
    "image": _image,
    "markdown": _markdown,
    "divider": _nothing,
    "rich_text": _nothing,
}
