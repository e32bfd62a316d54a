"""Golden sets in a configuration: their files with the place of what is wrong, promises that cannot be proved, and one
more case at the end of a file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.config.accuracy import read_baseline, write_baseline
from monitor.config.catalog import Probe
from monitor.config.golden import reachable
from monitor.config.golden_file import append_case, read_cases
from monitor.config.load import load_text
from probes.guide import updated
from probes.stats import cases_needed, least_to_clear
from probes.words.errors import ConfigError, Refused

NAME = "w/production/g"
WORDS = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=60).filter(str.strip) | st.sampled_from(
    ['"', "'", "a\nb", "- x", "# x", "a: b", "${date}", "x,y", "null", "1", "{a}", "[b", "true", "é\u202e", "=1+1", "|"]
)
TEXT = """workflows:
  w:
    url: https://w.example.com
    chat: {post: /c, send: {m: "${ask}"}, reply: $.r}
    probes:
      g:
        cases: KEYS
"""
SIXTY = "".join(f"- {{name: c{number}, ask: q{number}, expect: book}}\n" for number in range(60))


def loaded(folder: Path, keys: str) -> Probe:
    return load_text(TEXT.replace("KEYS", keys.replace("\n", "\n        ")), folder=folder).probes[NAME]


def refused(folder: Path, keys: str) -> list[str]:
    with pytest.raises(ConfigError) as found:
        loaded(folder, keys)
    return [str(problem) for problem in found.value.problems]


def put(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return name


# -- files


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.yaml", "- {name: one, ask: hi, expect: {total: 3}}\n- {ask: 'what, now', expect: {total: 4.5}}\n"),
        ("a.csv", 'name,ask,expect.total\none,hi,3\n,"what, now",4.5\n'),
        ("a.jsonl", '{"name": "one", "ask": "hi", "expect": {"total": 3}}\n\n'
                    '{"ask": "what, now", "expect": {"total": 4.5}}\n'),
    ],
)  # fmt: skip
def test_the_same_cases_are_read_from_each_kind_of_file(tmp_path: Path, name: str, text: str) -> None:
    found = read_cases(tmp_path / put(tmp_path, name, text), name)
    assert found.problems == []
    assert found.cases == [
        {"name": "one", "ask": "hi", "expect": {"total": 3}},
        {"ask": "what, now", "expect": {"total": 4.5}},
    ]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.yaml", "- {ask: a, expect: x}\n- {ask: b, exspect: x}\n", "right; did you mean expect instead of exspect?"),
        ("a.yaml", "- ask: a\n  expect: z\n", "a.yaml:2:11: 'z' is not among the labels; write one of x, y"),
        ("a.yaml", "- ask: a\n  expect: x\n  check: [{contians: y}]\n", "key 'contians'; did you mean contains?"),
        ("a.yaml", "ask: a\n", "a.yaml:1:1: the top of the file is not a list; begin each case with a dash"),
        ("a.yaml", "- just words\n", "a.yaml:1:3: a case is a mapping"),
        ("a.yaml", "- {name: n, ask: a, expect: x}\n" * 2, "a.yaml:2:10: two cases are called 'n'"),
        ("a.yaml", "- {ask: 'hi ${secret:KEY}', expect: x}\n", "a case holds no secret"),
        ("a.yaml", "- {ask: 'hi ${name}', expect: x}\n", "${name} means nothing in a case"),
        ("a.csv", "ask,expect\na,x\nb,z\n", "a.csv:3:1: 'z' is not among the labels"),
        ("a.csv", 'ask,expect\n"a\n', "a.csv:2:1: not CSV: unexpected end of data"),
        ("a.csv", "ask,expect\na,x,more\n", "a.csv:2:1: 3 cells where there are 2 columns"),
        ("a.csv", "ask,ask\n", "a.csv:1:1: two columns are called ask"),
        ("a.jsonl", '{"ask": "a", "expect": "x"}\n{"ask": \n', "a.jsonl:2:"),
        ("a.jsonl", '{"question": "a", "expect": "x"}\n', "a.jsonl:1:1: this case has no ask"),
        ("a.txt", "hello", "a.txt: a file of cases is no .txt"),
        ("a.yaml", "", "a.yaml:1:1: the file is empty"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_file_is_told_where_it_stands(tmp_path: Path, name: str, text: str, said: str) -> None:
    keys = f"{put(tmp_path, name, text)}\nlabels: [x, y]"
    assert any(said in line for line in refused(tmp_path, keys)), refused(tmp_path, keys)


def test_a_file_that_is_not_there_is_told_at_its_key(tmp_path: Path) -> None:
    assert refused(tmp_path, "golden/no.yaml") == [
        "showup.yaml:7:16: the file 'golden/no.yaml' is not there; write it beside this one"
    ]


def test_cases_travel_with_the_job_in_the_order_of_their_turns(tmp_path: Path) -> None:
    probe = loaded(tmp_path, f"{put(tmp_path, 'a.yaml', SIXTY)}\nlabels: [book, cancel]")
    assert probe.golden is not None
    assert sorted(probe.golden.cases) == sorted(f"c{number}" for number in range(60))
    assert list(probe.golden.cases) != sorted(probe.golden.cases), "mixed"
    assert len(probe.job["spec"]["cases"]) == 60
    assert (probe.confirm, probe.costs.amounts["requests"]) == ((2, 2), 5.0)


# -- promises


def test_ten_cases_cannot_tell_95_from_80(tmp_path: Path) -> None:
    (said,) = refused(tmp_path, f"{put(tmp_path, 'a.yaml', ''.join(SIXTY.splitlines(True)[:10]))}\nlabels: [book, x]")
    assert said.startswith("showup.yaml:7:16: 95% cannot be told from 80% by these cases: that needs 47; you have 10")
    assert "add 37 cases" in said and "repeats: true" in said
    (floor,) = re.findall(r"floor: (\d+)%", said)
    assert cases_needed(0.95, int(floor) / 100) <= 10


@pytest.mark.parametrize(
    ("keys", "works"),
    [
        ("", True),
        ("target: 99%", True),
        ("target: 95%\nfloor: 90%", False),
        ("target: 90%\nfloor: 80%", False),
        ("window: 30 cases", False),
        ("window: 40m", False),
        ("window: 1h", True),
        ("window: 40m\nsample: all", True),
        ("target: 99%\nfloor: 97%\nwindow: 3000 cases\nrepeats: true", True),
    ],
)
def test_a_rule_has_to_be_provable_by_the_set_and_by_the_window(tmp_path: Path, keys: str, works: bool) -> None:
    text = f"{put(tmp_path, 'a.yaml', SIXTY)}\nlabels: [book, x]\n{keys}"
    if works:
        assert loaded(tmp_path, text).golden
    else:
        assert any("cannot be told from" in line for line in refused(tmp_path, text))


@given(st.integers(2, 99), st.integers(1, 2_000))
def test_the_floor_that_is_offered_can_be_told_and_no_higher_one(target: int, cases: int) -> None:
    floor = reachable(target / 100, cases)
    for offered, fits in ((floor, True), (floor + 1, False)):
        if 0 < offered < target:
            wanted = max(cases_needed(target / 100, offered / 100), least_to_clear(offered / 100))
            assert (wanted <= cases) is fits


# -- the baseline


def test_a_baseline_stands_beside_its_cases_and_a_named_one_has_to_be_there(tmp_path: Path) -> None:
    text = f"{put(tmp_path, 'a.yaml', SIXTY)}\nlabels: [book, x]"
    assert loaded(tmp_path, text).golden.baseline == {}  # type: ignore[union-attr]
    write_baseline(tmp_path / "a.baseline.json", made="now", probe=NAME, cases={"c1": True, "c2": False})
    assert loaded(tmp_path, text).golden.baseline == {"c1": True, "c2": False}  # type: ignore[union-attr]
    assert "is not there" in refused(tmp_path, f"{text}\nbaseline: other.json")[0]
    (tmp_path / "a.baseline.json").write_text("[]")
    assert "a.baseline.json is no baseline" in refused(tmp_path, text)[0]
    with pytest.raises(ValueError, match="not JSON"):
        read_baseline(tmp_path / put(tmp_path, "b.json", "{"))


# -- one more case


@pytest.mark.parametrize("name", ["a.yaml", "a.csv", "a.jsonl"])
@given(ask=WORDS, expect=WORDS)
def test_any_words_can_become_a_case_and_nothing_else_changes(
    tmp_path_factory: pytest.TempPathFactory, name: str, ask: str, expect: str
) -> None:
    folder = tmp_path_factory.mktemp("cases")
    texts = {
        "a.yaml": "# ours\n- ask: hi   # the first\n  expect: x\n",
        "a.csv": "ask,expect\nhi,x\n",
        "a.jsonl": '{"ask": "hi", "expect": "x"}\n',
    }
    file = folder / put(folder, name, texts[name])
    append_case(file, {"ask": ask, "expect": expect})
    assert file.read_text(encoding="utf-8").startswith(texts[name])
    found = read_cases(file, name)
    assert found.problems == [] and len(found.cases) == 2
    assert "${" not in str(found.cases[1]) and set(found.cases[1]) <= {"ask", "expect"}


def test_a_case_keeps_the_shape_and_the_rights_of_its_file(tmp_path: Path) -> None:
    file = tmp_path / put(tmp_path, "a.yaml", "  # indented\n  - ask: hi\n    expect: x")
    file.chmod(0o600)
    append_case(file, {"name": "new", "ask": "a ${secret:KEY}\nb", "expect": {"total": 3}})
    assert file.read_text().startswith("  # indented\n  - ask: hi\n    expect: x\n  - name: new\n")
    assert read_cases(file, "a").cases[1] == {"name": "new", "ask": "a $ {secret:KEY}\nb", "expect": {"total": 3}}
    assert file.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["a.yaml"]


@pytest.mark.parametrize(
    ("name", "text"), [("a.yaml", "words: no list\n"), ("a.yaml", "[{ask: a}]\n"), ("a.csv", "question\nhi\n")]
)
def test_a_file_that_takes_no_case_is_left_as_it_is(tmp_path: Path, name: str, text: str) -> None:
    file = tmp_path / put(tmp_path, name, text)
    with pytest.raises(Refused):
        append_case(file, {"ask": "hi", "expect": "x"})
    assert file.read_text() == text


# -- the guide

GUIDE = Path(__file__).parents[2] / "docs" / "golden.md"


def test_what_the_guide_shows_holds_and_its_tables_are_up_to_date(tmp_path: Path) -> None:
    text = GUIDE.read_text(encoding="utf-8")
    assert updated(text) == text, "run python -m probes.guide docs/golden.md"
    (tmp_path / "golden").mkdir()
    rows = "".join(f"c{number},q{number},book\n" for number in range(60))
    put(tmp_path / "golden", "intents.csv", f"name,ask,expect\n{rows}")
    invoices = "".join(f"- {{name: c{n}, text: t, expect: {{total: 1.5, lines: [{{sku: a}}]}}}}\n" for n in range(60))
    put(tmp_path / "golden", "invoices.yaml", invoices)
    blocks = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert len(blocks) >= 4
    for block in blocks:
        assert load_text(block, folder=tmp_path).probes
    (shown,) = re.findall(r"```csv\n(.*?)```", text, re.DOTALL)
    found = read_cases(tmp_path / put(tmp_path, "shown.csv", shown), "shown.csv")
    assert found.problems == [] and len(found.cases) == 2


def test_the_refusal_that_the_guide_shows_is_the_one_that_is_given(tmp_path: Path) -> None:
    (said,) = refused(tmp_path, f"{put(tmp_path, 'a.yaml', ''.join(SIXTY.splitlines(True)[:10]))}\nlabels: [book, x]")
    assert said.partition(": ")[2] in " ".join(GUIDE.read_text(encoding="utf-8").split())
