"""Small changes to a module, each of which should make some test fail: what a slip of the hand would have written."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.Gt), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.Lt), ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,), ast.NotIn: (ast.In,),
}  # fmt: skip
COUNTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
SWAPPED = {"min": "max", "max": "min", "any": "all", "all": "any", "asc": "desc", "desc": "asc"}
SAID = frozenset(
    {"note", "Decision", "why", "Refused", "ValueError"}
)  # calls whose words people read: wording is no rule


@dataclass(frozen=True, slots=True)
class Mutant:
    """`was` became `now` in a function ("" is the module itself), at this line."""

    module: str
    function: str
    line: int
    was: str
    now: str

    @property
    def name(self) -> str:
        """What it is called, whatever line it stands on."""
        return f"{self.module} {self.function or '-'}: {self.was} -> {self.now}"


Change = tuple[ast.AST, str, ast.AST | None]  # where, what it was, and the changed node that takes its place


def mutants(source: str, module: str) -> list[tuple[Mutant, ast.Module]]:
    """Every mutant of a module with its tree."""
    found: list[tuple[Mutant, ast.Module]] = []
    seen: set[str] = set()
    tree = ast.parse(source)
    for path, function, new in _changes(tree, [], ""):
        changed = copy.deepcopy(tree)
        old = _replace(changed, path, new)
        was, now = _short(old), _short(new) if new is not None else "nothing"
        mutant = Mutant(module, function, getattr(old, "lineno", 0), was, now)
        name, count = mutant.name, 1
        while name in seen:  # the same slip twice in a function
            count += 1
            name = f"{mutant.name} #{count}"
        seen.add(name)
        if count > 1:
            mutant = Mutant(module, function, mutant.line, was, f"{now} #{count}")
        ast.fix_missing_locations(changed)
        found.append((mutant, changed))
    return found


Step = tuple[str, int | None]


def _changes(node: ast.AST, path: list[Step], function: str) -> Iterator[tuple[list[Step], str, ast.AST | None]]:
    if _is_silent(node):
        return
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        function = f"{function}.{node.name}" if function else node.name
    for new in _others(node):
        yield path, function, new
    if function and _can_go(node):
        yield path, function, ast.Pass()
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "bases", "type_params"):
            continue
        children = value if isinstance(value, list) else [value]
        for number, child in enumerate(children):
            if isinstance(child, ast.AST):
                step = (name, number if isinstance(value, list) else None)
                yield from _changes(child, [*path, step], function)


def _is_silent(node: ast.AST) -> bool:
    """True for what no test can or should see: docstrings, words for people, imports, log lines."""
    if isinstance(node, ast.Import | ast.ImportFrom | ast.JoinedStr):
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and _called(node.value) in SAID


def _called(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def _others(node: ast.AST) -> Iterator[ast.AST]:
    """What could stand in place of a node."""
    maker: Callable[[ast.AST], Iterator[ast.AST]] | None = _MAKERS.get(type(node))
    if maker is not None:
        yield from maker(node)


def _compare(node: ast.AST) -> Iterator[ast.AST]:
    assert isinstance(node, ast.Compare)
    for number, operator in enumerate(node.ops):
        for other in COMPARED[type(operator)]:
            new = copy.deepcopy(node)
            new.ops[number] = other()
            yield new


def _boolean(node: ast.AST) -> Iterator[ast.AST]:
    assert isinstance(node, ast.BoolOp)
    new = copy.deepcopy(node)
    new.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    yield new


def _unary(node: ast.AST) -> Iterator[ast.AST]:
    assert isinstance(node, ast.UnaryOp)
    if isinstance(node.op, ast.Not | ast.Invert):
        yield copy.deepcopy(node.operand)


def _binary(node: ast.AST) -> Iterator[ast.AST]:
    assert isinstance(node, ast.BinOp)
    if type(node.op) in COUNTED and not isinstance(node.left, ast.JoinedStr):
        new = copy.deepcopy(node)
        new.op = COUNTED[type(node.op)]()
        yield new


def _constant(node: ast.AST) -> Iterator[ast.AST]:
    assert isinstance(node, ast.Constant)
    if isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node.value, int):
        yield ast.Constant(node.value + 1)


def _returned(node: ast.AST) -> Iterator[ast.AST]:
    assert isinstance(node, ast.Return)
    if node.value is not None and not (isinstance(node.value, ast.Constant) and node.value.value is None):
        yield ast.Return(ast.Constant(None))


def _branch(node: ast.AST) -> Iterator[ast.AST]:
    assert isinstance(node, ast.If | ast.IfExp)
    for value in (True, False):
        new = copy.deepcopy(node)
        new.test = ast.Constant(value)
        yield new


def _call(node: ast.AST) -> Iterator[ast.AST]:
    assert isinstance(node, ast.Call)
    other = SWAPPED.get(_called(node))
    if other is None:
        return
    new = copy.deepcopy(node)
    if isinstance(new.func, ast.Name):
        new.func.id = other
    elif isinstance(new.func, ast.Attribute):
        new.func.attr = other
    yield new


_MAKERS: dict[type[ast.AST], Callable[[ast.AST], Iterator[ast.AST]]] = {
    ast.Compare: _compare, ast.BoolOp: _boolean, ast.UnaryOp: _unary, ast.BinOp: _binary, ast.Constant: _constant,
    ast.Return: _returned, ast.If: _branch, ast.IfExp: _branch, ast.Call: _call,
}  # fmt: skip


def _can_go(node: ast.AST) -> bool:
    """True for a statement that may be forgotten: a call, a change of something's state, a jump."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Call | ast.Await)
    if isinstance(node, ast.Assign):
        return any(isinstance(target, ast.Attribute | ast.Subscript | ast.Tuple) for target in node.targets)
    return isinstance(node, ast.AugAssign | ast.Raise | ast.Continue | ast.Break)


def _replace(tree: ast.AST, path: list[Step], new: ast.AST | None) -> ast.AST:
    """Put `new` where the path leads; what stood there."""
    for name, number in path[:-1]:
        tree = getattr(tree, name) if number is None else getattr(tree, name)[number]
    name, number = path[-1]
    if number is None:
        old: ast.AST = getattr(tree, name)
        setattr(tree, name, new)
    else:
        old = getattr(tree, name)[number]
        getattr(tree, name)[number] = new
    assert new is not None
    for node in ast.walk(new):
        ast.copy_location(node, old)
    return old


def _short(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split("\n")[0].split())
    return text if len(text) <= 90 else f"{text[:87]}..."
