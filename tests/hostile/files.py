"""Files that an accident made, or a wicked hand: their bytes, and the codes of what is said of them."""

from tests.hostile.texts import HARMLESS

BYTES = HARMLESS.encode()
HEAD, TAIL = HARMLESS.split("graph:\n")
MANY = "".join(f"  n{number}: energy(x)\n" for number in range(10_000))
BOMB = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40))
WIDE_BOMB = "a0: &a0 {x: 1, y: 2}\n" + "".join(f"a{n}: &a{n} {{x: *a{n - 1}, y: *a{n - 1}}}\n" for n in range(1, 40))
ENCODER = "encoder: {kind: encoder.mlp, latent: 2, hidden: [width], output: normal}"
MERGED = ENCODER.replace("encoder: {", "encoder: &net {") + "\n  other: {<<: *net, latent: 3}"
MERGED_TWICE = ENCODER.replace("encoder: {", "encoder: &net {") + "\n  other: {<<: *net, <<: *net}"
COMPLEX = "compose: 1\n? [a, b]\n: c\n"
JSON = '{"compose": 1, "name": "j", "blocks": {"energy": {"kind": "energy.mlp", "hidden": [8]}}%s}'


def changed(old: str, new: str) -> bytes:
    assert old in HARMLESS
    return HARMLESS.replace(old, new).encode()


FILES: dict[str, tuple[bytes, str]] = {  # "" where it is a good spec
    "tabs": (changed("  encoder:", "\tencoder:"), "Y121"),
    "tag": (changed("name: harmless", "name: !!python/object:os.system x"), "Y108"),
    "local_tag": (changed("name: harmless", "name: !x harmless"), "Y108"),
    "bomb": (BOMB.encode(), "Y115"),
    "wide_bomb": (WIDE_BOMB.encode(), "Y115"),
    "anchor_in_itself": (b"compose: 1\nparams: {a: &a [*a]}\n", "Y113"),
    "anchor_in_its_mapping": (b"compose: 1\nparams: &a {b: {c: *a}}\n", "Y113"),
    "two_documents": (BYTES + b"---\n" + BYTES, "Y106"),
    "date": (changed("name: harmless", "name: 2001-12-14"), ""),
    # arithmetic: 1975
    "date_for_a_number": (changed("batch_size: 8", "batch_size: 2001-12-14"), ""),
    "yes": (changed("steps=3", "steps=3, differentiable=yes"), "N105"),
    "on": (changed("step_size=0.01)\nstages", "step_size=0.01, differentiable=on)\nstages"), "N105"),
    "no_for_a_number": (changed("batch_size: 8", "batch_size: No"), "Y312"),
    "norway": (changed("name: harmless", "name: NO"), ""),
    "octal": (changed("batch_size: 8", "batch_size: 010"), ""),
    "digits": (changed("batch_size: 8", "batch_size: " + "1" * 5000), "Y118"),
    "digits_in_an_expression": (changed("steps=3", "steps=" + "1" * 5000), "Y220"),
    "beyond_floats": (changed("lr: 1e-3", "lr: 1e999"), "Y118"),
    "nul": (changed("harmless", "harm\0less"), "Y103"),
    "escape_sequence": (changed("harmless", "\x1b[2Jharmless"), "Y103"),
    "bidirectional": (changed("harmless", "harm\u202eless"), "Y103"),
    "bidirectional_in_a_comment": (BYTES + "# \u2066 x\n".encode(), "Y103"),
    "broken_utf8": (changed("harmless", "h") + b"# \xc3\x28\n", "Y102"),
    "latin_1": (changed("harmless", "h\xe4rmless").decode().encode("latin-1"), "Y102"),
    "utf_16": (HARMLESS.encode("utf-16"), "Y102"),
    "utf_16_unmarked": (HARMLESS.encode("utf-16-le"), "Y103"),
    "utf_32": (HARMLESS.encode("utf-32"), "Y102"),
    "surrogates_in_utf8": (changed("harmless", "h") + b"# \xed\xa0\x80\n", "Y102"),
    "byte_order_mark": (b"\xef\xbb\xbf" + BYTES, ""),
    "two_byte_order_marks": (b"\xef\xbb\xbf\xef\xbb\xbf" + BYTES, ""),
    "crlf": (BYTES.replace(b"\n", b"\r\n"), ""),
    "lone_cr": (BYTES.replace(b"\n", b"\r"), ""),
    "no_last_newline": (BYTES.rstrip(), ""),
    "empty": (b"", "Y104"),
    "blank": (b" \n\n  ", "Y104"),
    "comments": (b"# nothing\n", "Y104"),
    "scalar": (b"compose", "Y105"),
    "number": (b"1", "Y105"),
    "list": (b"- compose\n- 1\n", "Y303"),
    "brackets": (b"[" * 200_000, "Y116"),
    "braces": (b"{a: " * 50_000, "Y116"),
    "dashes": (b"- " * 100_000, "Y116"),
    "question_marks": (b"? " * 100_000, "Y116"),
    "long_name": (changed("energy:", "e" * 1_000_000 + ":"), "Y119"),
    "longish_name": (changed("name: harmless", "name: " + "e" * 200_000), ""),
    "long_line": (b"compose: 1\nname: '" + b"x" * 200_000, "Y123"),
    "ten_thousand_lines": ((HEAD + "graph:\n" + MANY + TAIL).encode(), "Y115"),
    "long_expression": (changed("energy(x) - energy(neg)", "+".join(["energy(x)"] * 5000)), "Y225"),
    "deep_expression": (changed("energy(x) - energy(neg)", "(" * 4000 + "x" + ")" * 4000), "Y224"),
    "look_alike": (changed("contrast: energy", "contrast: \u0435nergy"), "Y201"),
    "look_alike_block": (changed("  energy:", "  \u0435nergy:"), "Y304"),
    "zero_width": (changed("contrast: energy", "contrast: ener\u200bgy"), "Y201"),
    "merge_key": (changed(ENCODER, MERGED), "Y302"),
    "merge_key_twice": (changed(ENCODER, MERGED_TWICE), "Y109"),
    "complex_key": (COMPLEX.encode(), "Y110"),
    "mapping_as_key": (b"compose: 1\n{a: b}: c\n", "Y110"),
    "null_key": (b"compose: 1\n? \n: c\n", "Y110"),
    "duplicate_key": (changed("name: harmless", "name: a\nname: b"), "Y109"),
    "json_duplicate": ((JSON % ', "name": "k"').encode(), "Y109"),
    "json_nan": ((JSON % ', "params": {"a": NaN}').encode(), ""),
    "json_trailing_comma": ((JSON % ",").encode(), ""),
    "json_comment": ((JSON % " // comment\n").encode(), "Y129"),
    "json_block_comment": ((JSON % " /* comment */ ").encode(), "Y129"),
    "json_cut": ((JSON % "")[:-9].encode(), "Y123"),
    "extends_itself": (b"extends: extends_itself\n", "Y322"),
    "extends_a_device": (b"extends: /dev/zero\n", "Y321"),
    "extends_nul": (b'extends: "a\\0b"\n', "Y321"),
    "extends_a_long_name": (b"extends: " + b"a" * 5000 + b"\n", "Y321"),
    "extends_the_root": (b"extends: ../../../../../../..\n", "Y321"),
    "many_tags": (b"a: [" + b"!t x, " * 2000 + b"]", "Y108"),
    "many_anchors": (b"a: [" + b"&a x, " * 2000 + b"]", "Y301"),
    "anchors_alone": (b"a: " + b"&a " * 50_000, "Y126"),
    "cut_far_away": (b"a: [f(x, " + b"x, " * 2000 + b"]", "Y301"),
    "many_bare_keys": (b"{" + b"".join(b"a%d, " % n for n in range(2000)) + b"}", "Y111"),
    "many_duplicates": (b"a: 1\n" * 2000, "Y109"),
    "many_unknown_keys": (b"compose: 1\n" + b"".join(b"a%d: 1\n" % n for n in range(2000)), "Y301"),
    "many_directives": (b"%TAG ! tag:x,2000:\n" * 10_000 + b"---\na: 1", "Y124"),
    "colons": (b":" * 200_000, "Y125"),
    "escapes": (b'name: "' + b"\\x41" * 50_000 + b'"', "Y302"),
    "folded": (b"name: >\n" + b"  x\n\n" * 40_000, "Y303"),
    "comment_lines": (b"# x\n" * 60_000 + BYTES, ""),
    "escapes_in_a_name": (changed("name: harmless", 'name: "\\e[2J\\u202e"'), "Y303"),
}  # fmt: skip
