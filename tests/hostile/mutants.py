"""Mutants of specs: bytes flipped, pieces spliced in from other specs, words swapped, numbers made extreme."""

import re

WORD = re.compile(rb"[A-Za-z_][A-Za-z_0-9.]*|\d[\d.e-]*|[^\sA-Za-z_0-9]")
NUMBERS = [b"0", b"-1", b"1", b"1e18", b"1e-300", b"1e308", b"999999999999999999999", b"0.5", b".nan", b".inf", b"''"]


def flip(raw, _other, dice):
    """Some bits of some bytes."""
    made = bytearray(raw)
    for _ in range(dice.randint(1, 4)):
        made[dice.randrange(len(made))] ^= 1 << dice.randrange(8)
    return bytes(made)


def splice(raw, other, dice):
    """A piece of another spec in the place of a piece."""
    start, there = dice.randrange(len(raw)), dice.randrange(len(other))
    return raw[:start] + other[there : there + dice.randint(1, 80)] + raw[start + dice.randint(0, 80) :]


def swap(raw, _other, dice):
    """Two words change places."""
    words = sorted(dice.sample(list(WORD.finditer(raw)), 2), key=lambda word: word.start())
    (first, second) = words
    between = raw[first.end() : second.start()]
    return raw[: first.start()] + second[0] + between + first[0] + raw[second.end() :]


def borrow(raw, other, dice):
    """A word of another spec in the place of one."""
    word, new = dice.choice(list(WORD.finditer(raw))), dice.choice(WORD.findall(other))
    return raw[: word.start()] + new + raw[word.end() :]


def exaggerate(raw, _other, dice):
    """A number that nobody meant."""
    number = dice.choice(list(re.finditer(rb"\d[\d.e-]*", raw)))
    return raw[: number.start()] + dice.choice(NUMBERS) + raw[number.end() :]


def lines(raw, other, dice):
    """Lines lost, doubled, or taken from another spec."""
    made = raw.splitlines(keepends=True)
    at = dice.randrange(len(made))
    made[at : at + dice.randint(0, 2)] = dice.choice([[], [made[at]] * 2, [dice.choice(other.splitlines(True))]])
    return b"".join(made)


MUTATIONS = (flip, splice, swap, borrow, exaggerate, lines)


def mutant(specs, dice):
    """One of the specs, changed once, twice or thrice."""
    made = dice.choice(specs)
    for _ in range(dice.randint(1, 3)):
        changed = dice.choice(MUTATIONS)(made, dice.choice(specs), dice)
        made = changed if len(WORD.findall(changed)) > 2 and re.search(rb"\d", changed) else made
    return made
