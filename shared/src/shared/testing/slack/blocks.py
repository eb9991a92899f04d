"""What Block Kit allows in a message; everything else is refused with a pointer, as the real API does.

Source: the published reference of Block Kit (blocks, block elements, composition objects), with its limits.
"""

from collections.abc import Callable, Iterator
from typing import Any

MOST_BLOCKS = 50
Check = Callable[[dict[str, Any], str], Iterator[str]]


def problems_of(blocks: object) -> list[str]:
    """Return one line per violation, in the form of Slack's ``response_metadata.messages``."""
    if not isinstance(blocks, list):
        return ["[ERROR] must be an array [json-pointer:/blocks]"]
    found = []
    if len(blocks) > MOST_BLOCKS:
        found.append(f"[ERROR] no more than {MOST_BLOCKS} items allowed [json-pointer:/blocks]")
    names: set[str] = set()
    for number, block in enumerate(blocks):
        where = f"/blocks/{number}"
        found.extend(_block(block, where))
        name = block.get("block_id") if isinstance(block, dict) else None
        if isinstance(name, str):
            if name in names:
                found.append(_error(f"block_id {name} already exists", where))
            names.add(name)
    return found


def _error(what: str, where: str) -> str:
    return f"[ERROR] {what} [json-pointer:{where}]"


def _shape(value: object, where: str, *, required: set[str], optional: set[str]) -> Iterator[str]:
    """Check the fields of an object: all that must be there, none that has no meaning."""
    if not isinstance(value, dict):
        yield _error("must be an object", where)
        return
    for name in sorted(required - value.keys()):
        yield _error(f"missing required field: {name}", where)
    for name in sorted(value.keys() - required - optional - {"type"}):
        yield _error(f"invalid additional property: {name}", where)


def _string(value: object, where: str, most: int, *, least: int = 1) -> Iterator[str]:
    if not isinstance(value, str):
        yield _error("must be a string", where)
    elif len(value) < least:
        yield _error(f"must be more than {least - 1} characters", where)
    elif len(value) > most:
        yield _error(f"must be less than {most + 1} characters", where)


def _text(value: object, where: str, most: int, kinds: tuple[str, ...] = ("plain_text", "mrkdwn")) -> Iterator[str]:
    yield from _shape(value, where, required={"text"}, optional={"emoji", "verbatim"})
    if not isinstance(value, dict):
        return
    kind = value.get("type")
    if kind not in kinds:
        yield _error(f"must be a valid text object type: {kind}", f"{where}/type")
    if kind == "mrkdwn" and "emoji" in value:
        yield _error("invalid additional property: emoji", where)
    if kind == "plain_text" and "verbatim" in value:
        yield _error("invalid additional property: verbatim", where)
    yield from _string(value.get("text"), f"{where}/text", most)


def _block(block: object, where: str) -> Iterator[str]:
    if not isinstance(block, dict):
        yield _error("must be an object", where)
        return
    kind = block.get("type")
    check = BLOCKS.get(kind) if isinstance(kind, str) else None
    if check is None:
        yield _error(f"unsupported type: {kind}", f"{where}/type")
        return
    if "block_id" in block:
        yield from _string(block["block_id"], f"{where}/block_id", 255)
    yield from check(block, where)


def _section(block: dict[str, Any], where: str) -> Iterator[str]:
    yield from _shape(block, where, required=set(), optional={"block_id", "text", "fields", "accessory", "expand"})
    if "text" not in block and "fields" not in block:
        yield _error("missing required field: text or fields", where)
    if "text" in block:
        yield from _text(block["text"], f"{where}/text", 3000)
    if "fields" in block:
        yield from _many(block["fields"], f"{where}/fields", 10, lambda each, at: _text(each, at, 2000))
    if "accessory" in block:
        yield from _element(block["accessory"], f"{where}/accessory")


def _header(block: dict[str, Any], where: str) -> Iterator[str]:
    yield from _shape(block, where, required={"text"}, optional={"block_id"})
    yield from _text(block.get("text"), f"{where}/text", 150, ("plain_text",))


def _divider(block: dict[str, Any], where: str) -> Iterator[str]:
    yield from _shape(block, where, required=set(), optional={"block_id"})


def _context(block: dict[str, Any], where: str) -> Iterator[str]:
    yield from _shape(block, where, required={"elements"}, optional={"block_id"})
    yield from _many(block.get("elements"), f"{where}/elements", 10, _context_element)


def _context_element(element: object, where: str) -> Iterator[str]:
    if isinstance(element, dict) and element.get("type") == "image":
        yield from _image_element(element, where)
    else:
        yield from _text(element, where, 2000)


def _actions(block: dict[str, Any], where: str) -> Iterator[str]:
    yield from _shape(block, where, required={"elements"}, optional={"block_id"})
    yield from _many(block.get("elements"), f"{where}/elements", 25, _element)
    elements = block.get("elements")
    if isinstance(elements, list):
        names = [str(each["action_id"]) for each in elements if isinstance(each, dict) and each.get("action_id")]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield _error(f"action_id {name} already exists", f"{where}/elements")


def _image(block: dict[str, Any], where: str) -> Iterator[str]:
    yield from _shape(block, where, required={"image_url", "alt_text"}, optional={"block_id", "title"})
    yield from _string(block.get("image_url"), f"{where}/image_url", 3000)
    yield from _string(block.get("alt_text"), f"{where}/alt_text", 2000)
    if "title" in block:
        yield from _text(block["title"], f"{where}/title", 2000, ("plain_text",))


def _rich_text(block: dict[str, Any], where: str) -> Iterator[str]:
    yield from _shape(block, where, required={"elements"}, optional={"block_id"})
    kinds = {"rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote"}
    for number, element in enumerate(block.get("elements") or []):
        if not isinstance(element, dict) or element.get("type") not in kinds:
            yield _error("unsupported element in rich_text", f"{where}/elements/{number}")


def _markdown(block: dict[str, Any], where: str) -> Iterator[str]:
    yield from _shape(block, where, required={"text"}, optional={"block_id"})
    yield from _string(block.get("text"), f"{where}/text", 12_000)


def _element(element: object, where: str) -> Iterator[str]:
    kind = element.get("type") if isinstance(element, dict) else None
    if not isinstance(element, dict) or kind not in {"button", "image", "overflow", "static_select"}:
        yield _error(f"unsupported type: {kind}", f"{where}/type")
    elif kind == "button":
        yield from _button(element, where)
    elif kind == "image":
        yield from _image_element(element, where)
    else:
        yield from _choice(element, where)


def _button(element: dict[str, Any], where: str) -> Iterator[str]:
    optional = {"action_id", "url", "value", "style", "confirm", "accessibility_label"}
    yield from _shape(element, where, required={"text"}, optional=optional)
    yield from _text(element.get("text"), f"{where}/text", 75, ("plain_text",))
    for name, most in (("action_id", 255), ("url", 3000), ("value", 2000), ("accessibility_label", 75)):
        if name in element:
            yield from _string(element[name], f"{where}/{name}", most)
    if isinstance(element.get("url"), str) and "://" not in element["url"]:
        yield _error("must be a valid URL", f"{where}/url")
    if element.get("style", "primary") not in {"primary", "danger"}:
        yield _error("style must be primary or danger", f"{where}/style")


def _choice(element: dict[str, Any], where: str) -> Iterator[str]:
    overflow = element["type"] == "overflow"
    optional = {"action_id", "confirm"} if overflow else {"action_id", "confirm", "placeholder", "initial_option"}
    yield from _shape(element, where, required={"options"}, optional=optional)
    yield from _many(element.get("options"), f"{where}/options", 5 if overflow else 100, _option)


def _option(option: object, where: str) -> Iterator[str]:
    yield from _shape(option, where, required={"text", "value"}, optional={"description", "url"})
    if isinstance(option, dict):
        yield from _text(option.get("text"), f"{where}/text", 75)
        yield from _string(option.get("value"), f"{where}/value", 150)


def _image_element(element: dict[str, Any], where: str) -> Iterator[str]:
    yield from _shape(element, where, required={"image_url", "alt_text"}, optional=set())
    yield from _string(element.get("image_url"), f"{where}/image_url", 3000)
    yield from _string(element.get("alt_text"), f"{where}/alt_text", 2000)


def _many(value: object, where: str, most: int, check: Callable[[Any, str], Iterator[str]]) -> Iterator[str]:
    if not isinstance(value, list):
        yield _error("must be an array", where)
    elif not value:
        yield _error("no fewer than 1 items allowed", where)
    elif len(value) > most:
        yield _error(f"no more than {most} items allowed", where)
    else:
        for number, each in enumerate(value):
            yield from check(each, f"{where}/{number}")


BLOCKS: dict[str, Check] = {
    "actions": _actions,
    "context": _context,
    "divider": _divider,
    "header": _header,
    "image": _image,
    "markdown": _markdown,
    "rich_text": _rich_text,
    "section": _section,
}
