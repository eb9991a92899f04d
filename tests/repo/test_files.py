"""Files are short, named for what they hold, finished, and say nothing about the machine that they were written on."""

import re

from tree import files, name_of, text_of

LONGEST = 320
CODE = (".py", ".js", ".ts", ".svelte", ".css", ".html", ".sh", ".mk", ".sql")
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers", "base_manager"}

# A star stands where the word goes on, so that this file does not find itself.
UNFINISHED = re.compile(r"\b(TO*DO|FIX*ME|XX*X|HA*CK|TB*D|NotImplemented*Error(?!\()|[Ll]orem ip*sum|[Cc]oming so*on)\b".replace("*", ""))
MACHINE = re.compile(r"(?<![\w.<{}])/(wo*rk|ro*ot)/\w|/ho*me/(?!\$|\{|<)\w|/Us*ers/\w".replace("*", ""))
PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]{0,20}PRI_VATE KEY-----\s+[A-Za-z0-9+/=]{40}".replace("_", ""))


def found(pattern: re.Pattern[str], *endings: str) -> list[str]:
    hits = []
    for path in files(*endings):
        for number, line in enumerate((text_of(path) or "").splitlines(), 1):
            if pattern.search(line):
                hits.append(f"{name_of(path)}:{number}: {line.strip()[:100]}")
    return hits


def generated(name: str) -> bool:
    """Migrations are written by a tool and list every column; documents for programs are long by nature."""
    return "/migrations/versions/" in name or name.startswith("docs/")


def test_code_files_are_short() -> None:
    long = {name_of(path): (text_of(path) or "").count("\n") for path in files(*CODE) if not generated(name_of(path))}
    assert {name: lines for name, lines in long.items() if lines > LONGEST} == {}


def test_no_file_is_named_for_nothing() -> None:
    names = [name_of(path) for path in files(*CODE)]
    empty = [name for name in names if set(re.split(r"[/.]", name)) & EMPTY_NAMES or re.search(r"_v\d+\.\w+$", name)]
    assert empty == []


def test_nothing_is_left_unfinished() -> None:
    assert found(UNFINISHED, *CODE, ".md", ".yml", ".yaml", ".toml") == []


def test_no_path_of_a_machine_stands_anywhere() -> None:
    assert found(MACHINE) == []


def test_no_private_key_is_in_the_repository() -> None:
    assert [name_of(path) for path in files() if PRIVATE_KEY.search(text_of(path) or "")] == []


def test_the_rules_find_what_they_look_for() -> None:
    assert UNFINISHED.search("# TO*DO: later".replace("*", ""))
    assert MACHINE.search("/wo*rk/file".replace("*", ""))
    assert MACHINE.search("/ho*me/ada/flowtower".replace("*", ""))
    assert PRIVATE_KEY.search("-----BEGIN EC PRI_VATE KEY-----\n".replace("_", "") + 64 * "M")
    assert not MACHINE.search("services/network/item")
