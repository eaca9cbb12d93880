"""Formulas of one unknown, as mapping files write them: `x*1.6`, `floor(x/10) - 40`. Exact, and nothing is run."""

from __future__ import annotations

import ast
import math
import operator
import warnings
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from renkei.errors import InputError
from renkei.units import exact

_LONGEST = 200  # characters; the depth of what they can nest is safe to walk
_CONSTANTS = {"PI": exact(math.pi), "E": exact(math.e)}
_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "abs": abs, "ceil": math.ceil, "floor": math.floor, "max": max, "min": min, "round": round,
}  # fmt: skip
_OPERATORS: Mapping[type[ast.AST], Callable[..., Fraction]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.UAdd: operator.pos, ast.USub: operator.neg,
}  # fmt: skip


class Line(NamedTuple):
    """x × scale + offset."""

    scale: Fraction
    offset: Fraction


class Formula:
    """A formula of x: numbers, + - * /, PI and E, and the functions abs, ceil, floor, max, min and round.

    Numbers are the decimals that were written. Raises InputError for anything else.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what Python thinks of odd literals is not the user's concern
                self._node = ast.parse(text[: _LONGEST + 1].strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise InputError(f"{text[:100]!r} is not a formula of x that can be read") from None
        if len(text) > _LONGEST:
            raise InputError(f"{text[:100]!r}... is longer than {_LONGEST} characters")
        self._judge(self._node)

    def line(self) -> Line | None:
        """The line that the formula is as it is written; None where it is none."""
        return _line(self._node)

    def at(self, x: Fraction) -> Fraction:
        """Its value. Raises ZeroDivisionError."""
        return _value(self._node, x)

    def _judge(self, node: ast.expr) -> None:
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool) and number < math.inf:
                return
            case ast.Name(id=name) if name == "x" or name in _CONSTANTS:
                return
            case ast.UnaryOp(op=op, operand=operand) if type(op) in _OPERATORS:
                return self._judge(operand)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                self._judge(left)
                return self._judge(right)
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS and (
                len(args) > 1 if name in ("max", "min") else len(args) == 1
            ):
                for each in args:
                    self._judge(each)
                return
        raise InputError(f"{ast.unparse(node)[:100]!r} in {self.text[:100]!r} is not understood")


def _value(node: ast.expr, x: Fraction) -> Fraction:
    match node:
        case ast.Name(id=name):
            return _CONSTANTS.get(name, x)
        case ast.UnaryOp(op=op, operand=operand):
            return _OPERATORS[type(op)](_value(operand, x))
        case ast.BinOp(left=left, op=op, right=right):
            return _OPERATORS[type(op)](_value(left, x), _value(right, x))
        case ast.Call(func=ast.Name(id=name), args=args):
            return Fraction(_FUNCTIONS[name](*(_value(each, x) for each in args)))
        case ast.Constant(value=int(number)):
            return Fraction(number)
        case ast.Constant(value=float(number)):
            return exact(number)
    raise AssertionError(node)  # Formula judges every node


def _line(node: ast.expr) -> Line | None:
    match node:
        case ast.Name(id="x"):
            return Line(Fraction(1), Fraction(0))
        case ast.UnaryOp(op=op, operand=operand):
            inner = _line(operand)
            return inner and Line(*map(_OPERATORS[type(op)], inner))
        case ast.BinOp(left=left, op=op, right=right):
            a, b = _line(left), _line(right)
            return _combined(a, op, b) if a and b else None
        case ast.Call(args=args) if any(_depends(each) for each in args):
            return None
    try:
        return Line(Fraction(0), _value(node, Fraction(0)))
    except ZeroDivisionError:
        return None


def _combined(a: Line, op: ast.operator, b: Line) -> Line | None:
    match op:
        case ast.Add() | ast.Sub():
            return Line(*map(_OPERATORS[type(op)], a, b))
        case ast.Mult() if not a.scale:
            return Line(a.offset * b.scale, a.offset * b.offset)
        case ast.Mult() if not b.scale:
            return Line(a.scale * b.offset, a.offset * b.offset)
        case ast.Div() if not b.scale and b.offset:
            return Line(a.scale / b.offset, a.offset / b.offset)
    return None


def _depends(node: ast.expr) -> bool:
    return any(isinstance(n, ast.Name) and n.id == "x" for n in ast.walk(node))
