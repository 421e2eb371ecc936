#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets into tests/fuzz/corpus/NAME (or another folder given): small, one idea each.
Byte orders and layouts are those of store-format/FORMAT.md; the first bytes those that each target's head describes."""
import os
import struct
import sys

out = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")


def seed(target, name, data):
    os.makedirs(os.path.join(out, target), exist_ok=True)
    with open(os.path.join(out, target, name), "wb") as file:
        file.write(data)


# ---- chunk: a description, then stored bytes ----------------------------------------------------------------------

def hostile(codec, width, inline_bytes, raw, stored, data=b"", small=0):
    return struct.pack("<BBBBIIB", 0, codec, width, inline_bytes, raw, stored, small) + data


def lz4_literals(data):
    """An LZ4 block of literals alone."""
    n, head = len(data), b""
    if n < 15:
        head = bytes([n << 4])
    else:
        head, rest = bytes([0xF0]), n - 15
        while rest >= 255:
            head, rest = head + b"\xff", rest - 255
        head += bytes([rest])
    return head + data


WHOLE = 0x80000000  # as many stored bytes as there are
for codec in (2, 3, 4, 5):
    body = bytes(range(64))
    data = body if codec == 2 else lz4_literals(body)
    seed("chunk", f"decode_codec{codec}", hostile(codec, 8 if codec > 3 else 1, 0, 64, WHOLE, data))
seed("chunk", "decode_zero", hostile(0, 1, 0, 100, 0))
seed("chunk", "decode_constant", hostile(1, 1, 8, 100, 0, b"\x01\x02\x03\x04\x05\x06\x07\x08"))
seed("chunk", "decode_constant_long", hostile(1, 1, 255, 100, 0, b"\x01" * 16))
for tail, stored in ((16, 48), (16, 49), (0, 48), (17, 47), (255, 0), (64, 0)):
    seed("chunk", f"decode_tail_{tail}_{stored}", hostile(2, 1, tail, 64, stored, bytes(range(64))))
seed("chunk", "decode_run", hostile(3, 1, 0, 300, WHOLE, b"\x1f\x41\x01\x00\xff\x0d\x50BCDEF"))
seed("chunk", "decode_bomb", hostile(3, 1, 0, 0x00FFFFFF, WHOLE, b"\x1f\x41\x01\x00" + b"\xff" * 40))
seed("chunk", "decode_too_long", hostile(3, 1, 0, 0x7FFFFFFF, WHOLE, b"\x10A"))
seed("chunk", "decode_width0", hostile(4, 0, 0, 64, WHOLE, lz4_literals(bytes(64))))
seed("chunk", "decode_delta_width3", hostile(5, 3, 0, 64, WHOLE, lz4_literals(bytes(64))))
seed("chunk", "decode_width255", hostile(4, 255, 0, 64, WHOLE, lz4_literals(bytes(64))))
seed("chunk", "decode_unknown", hostile(77, 1, 0, 64, WHOLE, b"x"))
seed("chunk", "decode_bad_offset", hostile(3, 1, 0, 64, WHOLE, b"\x1f\x41\xff\xff\x20\x50BCDEF"))
for kind in range(8):
    for name, bytes_, step, pattern in (("ramp", 40000, 1, b"\x01\0\0\0\0\0\0\0"), ("short", 9, 3, b"abcdefg"),
                                        ("noise", 4096, 7, bytes((i * 151 + 7) % 251 for i in range(200)))):
        element = b"\x0b" if kind == 5 else b"\x0b\x00" if kind == 7 else b""
        seed("chunk", f"encode_{name}_{kind}",
             bytes([kind or 0x48]) + element + struct.pack("<I", bytes_)[:3] + bytes([step]) + pattern)
seed("chunk", "encode_doubles", bytes([0xC2, 0, 0, 0, 0]) +
     struct.pack("<6d", 1.5, float("nan"), -0.0, 0.0, float("inf"), -1e300))
seed("chunk", "encode_integers", bytes([0xC1, 0, 0, 0, 0]) + struct.pack("<5i", 1, 2, 3, -2**31, 2**31 - 1))

# ---- record ---------------------------------------------------------------------------------------------------------

def object_record(type_, element, length, chunk, generation=3, tail=True):
    head = struct.pack("<B3xIQIIQQQ", type_, element, length, chunk, 0, 1, 1, 4096) + struct.pack("<6Q", 0, 0, 1, 0, 0, 0)
    head += struct.pack("<QQqq", 0, 0, 1700000000000000000, 1700000000000000000)
    return b"\0" + head + (struct.pack("<Q", generation) if tail else b"")


seed("record", "object_double", object_record(3, 8, 100000, 65536))
seed("record", "object_1_0", object_record(2, 4, 10, 4096, tail=False))
seed("record", "object_list", object_record(7, 0, 3, 0))
seed("record", "object_record", object_record(6, 65536, 2**30, 16 * 2**20))
seed("record", "object_longest", object_record(5, 1, 2**52, 4096))
seed("record", "object_too_long", object_record(4, 16, 2**63, 4096))
seed("record", "object_unknown", object_record(9, 4, 1, 4096))
seed("record", "object_short", object_record(3, 8, 10, 4096)[:60])


def entry(codec, width, inline, raw, stored, blob, low=0.0, high=1.0, flags=3):
    return b"\x01" + struct.pack("<BBBBIIB3xQQI4xdd", 1, codec, width, len(inline), raw, stored, flags, 0x1234, blob, 0,
                                 low, high) + inline


seed("record", "entry_lz4", entry(3, 1, b"", 4096, 100, 7))
seed("record", "entry_constant", entry(1, 1, b"\x05\0\0\0", 4096, 0, 0))
seed("record", "entry_tail", entry(2, 1, bytes(range(240, 256)), 4096, 4080, 7))
seed("record", "entry_tail_long", entry(2, 1, bytes(17), 4096, 4080, 7))
seed("record", "entry_zero", entry(0, 1, b"", 8, 0, 0, float("nan"), float("inf")))
seed("record", "entry_stored_without_blob", entry(2, 1, b"", 4096, 4096, 0))
seed("record", "entry_raw_0", entry(2, 1, b"", 0, 4096, 5))
seed("record", "entry_child", b"\x01" + struct.pack("<B7xQQ", 2, 12, 1))
seed("record", "entry_child_far", b"\x01" + struct.pack("<B7xQQ", 2, 2**30, 2**32))
for runs in (0, 1, 3):
    seed("record", f"garbage_{runs}", b"\x02" + struct.pack("<B3xIQQ8x", 1, runs, 5, 2) +
         b"".join(struct.pack("<QI", i * 10, 3) for i in range(runs)))
seed("record", "garbage_dropped", b"\x02" + struct.pack("<B3xIQQ8x", 2, 0, 5, 2))
seed("record", "garbage_runs_claimed", b"\x02" + struct.pack("<B3xIQQ8x", 1, 0xFFFFFFFF, 5, 2))


def superblock(major=1, minor=1, chunk=65536, compat=0, ro=0, incompat=1, tag=0x0102030405060708):
    return b"\x03" + struct.pack("<16sHHIQQQ16sQq16x", b"ufostore store\n\0", major, minor, chunk, compat, ro, incompat,
                                 bytes(range(16)), tag, 1)


seed("record", "superblock", superblock())
seed("record", "superblock_1_2", superblock(minor=2, incompat=3))
seed("record", "superblock_newer", superblock(major=2))
seed("record", "superblock_feature", superblock(incompat=0x80))
seed("record", "superblock_ro_feature", superblock(ro=0x80))
seed("record", "superblock_chunk", superblock(chunk=4097))
seed("record", "superblock_other_endian", superblock(tag=0x0807060504030201))
seed("record", "superblock_short", superblock()[:40])
seed("record", "named", b"\x04" + struct.pack("<QQ", 3, 9))
seed("record", "named_1_0", b"\x04" + struct.pack("<Q", 3))
seed("record", "snapshot", b"\x05" + struct.pack("<QqQ", 5, 1, 2))
seed("record", "snapshot_key_label", b"\x05" + b"\x01label")
seed("record", "snapshot_key_past", b"\x05" + b"\x02" + struct.pack(">Q", 5) + b"name")
seed("record", "seal", b"\x06" + bytes(range(40)))
seed("record", "name", b"\x07a name")
seed("record", "name_utf8", b"\x07" + "zo\u00eb\u20ac\U0001F600".encode())
seed("record", "name_surrogate", b"\x07\xed\xa0\x80")
seed("record", "name_longest", b"\x07" + b"n" * 480)

# ---- attributes -----------------------------------------------------------------------------------------------------

def attribute(type_, key, count, value):
    return struct.pack("<BBQQ", type_, len(key), count, len(value)) + key + value


def attributes(*items):
    return struct.pack("<I", len(items)) + b"".join(items)


def strings(*texts):
    return b"".join(struct.pack("<I", 0xFFFFFFFF if t is None else len(t)) for t in texts) + b"".join(t or b"" for t in texts)


seed("attributes", "none", attributes())
seed("attributes", "integer", attributes(attribute(2, b"dim", 2, struct.pack("<2i", 3, 4))))
seed("attributes", "logical", attributes(attribute(1, b"l", 1, struct.pack("<i", -2**31))))
seed("attributes", "double", attributes(attribute(3, b"tsp", 3, struct.pack("<3d", 1, 2, 12))))
seed("attributes", "raw", attributes(attribute(4, b"r", 3, b"\0\1\2")))
seed("attributes", "foreign", attributes(attribute(6, b"contrasts", 4, b"X\n\0\0")))
seed("attributes", "strings", attributes(attribute(5, b"names", 3, strings(b"a", None, b"\xc3\xa4bc"))))
seed("attributes", "several", attributes(attribute(5, b"class", 1, strings(b"factor")),
                                         attribute(5, b"levels", 2, strings(b"", b"x")), attribute(4, b"empty", 0, b"")))
seed("attributes", "same_key", attributes(attribute(4, b"k", 0, b""), attribute(4, b"k", 1, b"x")))
seed("attributes", "count_huge", struct.pack("<I", 4096))
seed("attributes", "elements_huge", attributes(struct.pack("<BBQQ", 5, 1, 2**62, 8) + b"k" + b"\0" * 8))
seed("attributes", "string_too_long", attributes(attribute(5, b"s", 2, struct.pack("<II", 0xFFFFFFFE, 3) + b"abc")))
seed("attributes", "unknown_type", attributes(attribute(7, b"k", 0, b"")))
seed("attributes", "tail", attributes() + b"x")

# ---- csv, args ------------------------------------------------------------------------------------------------------

csv = {
    "header": b"\0a,b,c\n1,2.5,x\n3,-4e10,\"y, z\"\n",
    "quotes": b"\0name,q\n\"say \"\"hi\"\"\",\"line\nbreak\"\nplain,\"\"\n",
    "crlf": b"\0a,b\r\n1,2\r\n3,4",
    "missing": b"\0a,b,c\nNA,,\"NA\"\n, NA ,TRUE\n",
    "mark": b"\0\xef\xbb\xbfa\n1\n\n3\n",
    "semicolon": b"\x01a;b\n1,5;2\n",
    "no_header": b"\x041,T\n2,F\n",
    "numbers": b"\x04+1,-0,007,1e22,1e23,.5,5.,9007199254740993,4.9e-324,1e309,Inf,-nan\n",
    "digits": b"\x040.1234567890123456789,123456789012345678,1e-22,8786.21,2147483648,-2147483648\n",
    "dates": b"\0t,d\n2013-02-28T05:15:00+02:00,2013-02-28\n1969-12-31 23:59:59.5,NA\n2012-02-29,1900-02-28\n",
    "lone_return": b"\0a\rb\n",
    "lone_quote": b"\0a\n\"never closed\n",
    "inner_quote": b"\0a\nx\"y\n",
    "ragged": b"\0a,b\n1\n",
    "nul": b"\0a\n\0\n",
    "latin1": b"\0a\ncaf\xe9\n",
    "utf16": b"\0" + "\ufeffa,b\r\n1,\u65e5\r\n2,\U0001f600\r\n".encode("utf-16-le"),
    "utf16_big": b"\x01" + "\ufeffa;b\n1;\u00e9\n".encode("utf-16-be"),
    "utf16_half": b"\0\xff\xfea\0\n\0\0\xd8x\0\n",
}
for name, data in csv.items():
    seed("csv", name, data)
for i, text in enumerate(("65536", "64K", "1 MiB", "10:20", ":", "5:", ":9", "18446744073709551615", "16777216T",
                          "--range=1:2\nx", "-r\n1:2\n--json\n--\n-x", "--rnage\n3", "-l\n-l\na", "--help", "exprot", "")):
    seed("args", f"args_{i:02}", text.encode())

# ---- R's serialization ----------------------------------------------------------------------------------------------

def r_head(version=3, native=b"UTF-8"):
    head = b"X\n" + struct.pack(">iii", version, 0x00040202, 0x00030500)
    return head + (struct.pack(">i", len(native)) + native if version == 3 else b"")


def r_string(text, flags=0x00040009):
    return struct.pack(">ii", flags, -1 if text is None else len(text)) + (text or b"")


def r_vector(*items, flags=16):
    return struct.pack(">ii", flags, len(items)) + b"".join(items)


NA = r_string(None, 9)
plain = r_vector(r_string(b"a"), r_string("\u00e4".encode(), 0x00008009), NA, r_string(b"\xe4", 0x00004009))
nil = struct.pack(">i", 254)


def r_symbol(name):
    return struct.pack(">i", 1) + r_string(name)


wrapper = struct.pack(">ii", 238, 2)
info = wrapper + r_symbol(b"wrap_string")
info = struct.pack(">i", 238) + struct.pack(">i", 2) + r_symbol(b"wrap_string") + struct.pack(">i", 2) + \
    r_symbol(b"base") + struct.pack(">i", 2) + struct.pack(">ii", 13, 1) + struct.pack(">i", 16) + nil
state = struct.pack(">i", 2) + plain + struct.pack(">i", 2) + struct.pack(">iiii", 13, 2, 1, 0) + nil
for block in (0, 6, 100):
    seed("rserialize", f"plain_{block}", bytes([block]) + r_head() + plain)
seed("rserialize", "version2", b"\x20" + r_head(2) + plain)
seed("rserialize", "latin1", b"\x20" + r_head(native=b"ISO-8859-1") + r_vector(r_string(b"\xe9", 9)))
seed("rserialize", "wrapped", b"\x20" + r_head() + info + state + nil)
seed("rserialize", "attributes", b"\x20" + r_head() + r_vector(r_string(b"a"), flags=0x210) + struct.pack(">i", 0x402) +
     r_symbol(b"names") + r_vector(r_string(b"n")) + nil)
seed("rserialize", "long_vector", b"\x20" + r_head() + struct.pack(">iiii", 16, -1, 1, 5) + r_string(b"a"))
seed("rserialize", "length_huge", b"\x20" + r_head() + struct.pack(">ii", 16, 2**31 - 1) + r_string(b"a"))
seed("rserialize", "string_huge", b"\x20" + r_head() + struct.pack(">iiii", 16, 1, 0x40009, 2**31 - 1) + b"a")
seed("rserialize", "another_type", b"\x20" + r_head() + struct.pack(">iii", 13, 1, 5))
seed("rserialize", "cut", b"\x20" + r_head()[:11])
seed("rserialize", "ascii_format", b"\x20A\n3\n")
seed("rserialize", "write", b"\x85one\0two\0\x01\0\0" + "z\u00e4\u20ac".encode() + b"\0")
seed("rserialize", "words", b"\xd0" + struct.pack("<8Q", 0, 1, 0x13 | 0x636261 << 8, 6 << 20 | 10 << 8 | 0x28, 25 << 20 | 0x19,
                                                   60 << 20 | 8 << 8 | 0x18, 0x4A, 2**64 - 1) + bytes(25) + struct.pack("<Q", 30) + bytes(31))

# ---- api: operations, as operate() in fuzz_api.c reads them ----------------------------------------------------------

def name(n, to=0):
    return n + 6 * to


COMMIT, ABORT, REOPEN, KILL, CHECK_SNAPSHOT = b"\0\0", b"\x01\0", b"\2\0", b"\3\0", b"\5\0"
COMPACT, COPY = b"\x15\1", b"\x15\0"


def rival(n):
    return bytes([0x11, name(n)]) + thing(1, 30, 4)


def take_snapshot(label=0):
    return bytes([4, label])


def drop_snapshot(label=0):
    return bytes([4, 0x80 + label])


def thing(type_, length, style):
    return bytes([type_]) + struct.pack("<HB", length, style)


def create(n, type_=2, length=2000):
    return bytes([9, name(n)]) + thing(type_, length, 0)


def put(n, type_=2, length=2000, style=4):
    return bytes([10, name(n)]) + thing(type_, length, style)


def pieces(n, type_=1, length=3000, style=2, piece=1001):
    return bytes([10, name(n, 1)]) + thing(type_, length, style) + struct.pack("<H", piece)


def append(n, count, style=2):
    return bytes([11, name(n)]) + struct.pack("<HB", count, style)


def write(n, first, count, style=3):
    return bytes([12, name(n)]) + struct.pack("<HHB", first, count, style)


def rename(n, to):
    return bytes([13, name(n, to)])


def remove(n):
    return bytes([13, name(n, n)])


def attribute_of(n, value):
    return bytes([14, name(n), value])


def put_list_of(n, *things):
    return bytes([15, name(n), len(things) - 1]) + b"".join(things)


def keep(n, choice=0):
    return bytes([6, name(n), choice]) + (struct.pack("<HHB", 5, 700, 9) if choice & 0xA0 else b"")


def put_view_of(n, to=None, how=1):
    change = struct.pack("<HHB", 100, 900, 4)
    return bytes([7 if to is None else 0x17, name(n, to or 0), how]) + change * ((how & 3) + bool(how & 8))


STRINGS = 0x60

programs = {
    "put_commit": put(0) + COMMIT + REOPEN,
    "every_type": b"".join(put(k % 6, k, 700 + 100 * k, k) for k in range(7)) + COMMIT + KILL,
    "create_write": create(0) + write(0, 10, 500) + COMMIT + write(0, 600, 1000, 4) + COMMIT,
    "append": put(1, 1, 1000, 2) + COMMIT + append(1, 100) + append(1, 900, 4) + COMMIT + REOPEN,
    "pieces": pieces(2) + COMMIT + pieces(2, 5, 300, 4, 77) + COMMIT,
    "abort": put(0) + COMMIT + write(0, 0, 100) + ABORT + append(0, 5) + KILL,
    "names": put(0) + rename(0, 1) + COMMIT + put(0) + rename(1, 2) + remove(0) + COMMIT + REOPEN,
    "attributes": put(0) + attribute_of(0, 5) + COMMIT + attribute_of(0, 8) + COMMIT + attribute_of(1, 1),
    "list": put_list_of(0, thing(2, 100, 4), thing(1, 200, 2)) + COMMIT + rename(0, 3) + attribute_of(3, 9) + COMMIT +
    put_list_of(3, thing(4, 5000, 3)) + COMMIT + remove(3) + COMMIT,
    "views": put(0) + COMMIT + put_view_of(0) + COMMIT + put_view_of(0, how=3 + 4) + COMMIT + put_view_of(0, 1, 2 + 8) + COMMIT,
    "kept_views": put(0) + COMMIT + keep(0, 0x20) + write(0, 0, 2000, 1) + COMMIT + keep(0, 1) + remove(0) + COMMIT + REOPEN,
    "pending_view": put(0) + keep(0, 0x60) + put_view_of(0, how=16 + 1) + COMMIT + keep(0, 0x80) + KILL,
    "conflict": put(0) + COMMIT + write(0, 0, 10) + rival(0) + put(1) + rival(0),
    "snapshots": put(0) + COMMIT + take_snapshot() + write(0, 0, 500, 1) + COMMIT + remove(0) + put(1) + COMMIT +
    CHECK_SNAPSHOT + take_snapshot(1) + drop_snapshot(0) + rename(1, 0) + COMMIT + REOPEN + drop_snapshot(1),
    "snapshot_list": put_list_of(0, thing(2, 100, 4)) + COMMIT + take_snapshot() + put(0) + COMMIT + KILL + CHECK_SNAPSHOT,
    "compact": put(0) + put(1, 1, 5000, 2) + COMMIT + remove(0) + COMMIT + COMPACT + put(0) + COMMIT + COPY,
    "compact_snapshot": put(0) + COMMIT + take_snapshot() + write(0, 0, 2000, 1) + COMMIT + COMPACT + CHECK_SNAPSHOT + COPY,
    "strings": put(0, STRINGS, 1500) + COMMIT + append(0, 100) + append(0, 700, 4) + COMMIT + REOPEN + create(1, STRINGS) +
    put_view_of(1) + COMMIT + KILL,
    "strings_views": put(0, STRINGS, 2000) + COMMIT + keep(0, 0x20) + put_view_of(0) + COMMIT + put_view_of(0, how=3 + 4 + 8) +
    COMMIT + put_view_of(0, 1, 1) + COMMIT + keep(0, 0x80) + rename(0, 2) + put_view_of(2, how=2) + COMMIT + KILL,
    "strings_pending": put(0, STRINGS, 1800) + keep(0, 0x60) + append(0, 300, 4) + put_view_of(0, how=1 + 8) + COMMIT +
    attribute_of(0, 5) + put_view_of(0, how=1) + ABORT + put_view_of(0, how=2) + rival(0),
    "strings_list": put_list_of(0, thing(STRINGS, 900, 4), thing(1, 200, 2), thing(STRINGS, 900, 3)) + COMMIT + rename(0, 3) +
    COMMIT + put_list_of(3, thing(STRINGS, 50, 4)) + COMMIT + COMPACT,
    "strings_compact": put(0, STRINGS, 2500) + COMMIT + put_view_of(0, how=3) + COMMIT + put_view_of(0, how=3) + COMMIT +
    put_view_of(0, how=3) + COMMIT + keep(0) + COMPACT + take_snapshot() + put_view_of(0, how=3) + COMMIT + COMPACT +
    drop_snapshot() + COMPACT + append(0, 30, 4) + COMMIT + COPY,
    "edges": put(0, 0x84, 8192, 4) + put(1, 0x82, 1024, 1) + COMMIT + append(0, 4096) + COMMIT + write(0, 4095, 2) + COMMIT,
}
for title, program in programs.items():
    seed("api", title, program)

# ---- hostile: edits of records with right seals ----------------------------------------------------------------------

META, NAMES, OBJECTS, ATTRIBUTES, MAP, BLOBS, REFS, STAGED, GARBAGE, SNAPSHOTS = range(10)


def number(table, index, at, width, value):
    """Puts a number of 2^width bytes at byte `at` of a record."""
    return struct.pack("<BBBBB", table, index, 0, at, width) + (value % 2**64).to_bytes(8, "little")[:1 << width]


def content(table, index, data):
    return struct.pack("<BBBB", table, index, 2, len(data)) + data


def moved(table, index, at, width, value):
    return struct.pack("<BBBBB", table, index, 4, at, width) + (value % 2**64).to_bytes(8, "little")[:1 << width]


def fresh(table, key, data):
    return struct.pack("<BBBB", table, 0, 5, len(key)) + key + bytes([len(data)]) + data


seed("hostile", "nothing", b"")
for table in range(10):
    seed("hostile", f"delete_{table}", bytes([table, 0, 3]))
    seed("hostile", f"empty_{table}", content(table, 0, b""))
for index in range(4):
    seed("hostile", f"length_{index}", number(OBJECTS, index, 8, 3, 2**52))
    seed("hostile", f"type_{index}", number(OBJECTS, index, 0, 0, 7) + number(OBJECTS, index, 4, 2, 0) + number(OBJECTS, index, 16, 2, 0))
    seed("hostile", f"chunk_{index}", number(OBJECTS, index, 16, 2, 16 << 20))
    seed("hostile", f"entry_raw_{index}", number(MAP, index, 4, 2, 16 << 20))
    seed("hostile", f"entry_tail_{index}", number(MAP, index, 3, 0, 15))
    seed("hostile", f"entry_blob_{index}", number(MAP, index, 24, 3, 2**63))
    seed("hostile", f"entry_stored_{index}", number(MAP, index, 8, 2, 32 << 20))
    seed("hostile", f"name_{index}", number(NAMES, index, 0, 3, 2**64 - 1))
for at in range(0, 32, 8):
    seed("hostile", f"counter_{at}", number(META, 0, at, 3, 2**64 - 1))
    seed("hostile", f"counter_zero_{at}", number(META, 0, at, 3, 0))
seed("hostile", "list_in_itself", number(MAP, 0, 0, 0, 2) + content(MAP, 0, struct.pack("<B7xQQ", 2, 1, 1)))
for i in range(6):
    seed("hostile", f"child_{i}", content(MAP, i, struct.pack("<B7xQQ", 2, i, 1)))
seed("hostile", "version_huge", moved(OBJECTS, 0, 8, 3, 0))
seed("hostile", "version_0", moved(OBJECTS, 0, 8, 3, 2**64 - 1))
seed("hostile", "garbage_dropped", fresh(GARBAGE, struct.pack(">QI", 1, 0), struct.pack("<B3xIQQ8x", 2, 0, 1, 2**32 - 1)))
seed("hostile", "parked", fresh(GARBAGE, struct.pack(">QQI", 2**63 + 1, 1, 0), struct.pack("<B3xIQQ8x", 2, 0, 1, 1)))
seed("hostile", "refs_huge", fresh(REFS, struct.pack(">Q", 1), struct.pack("<Q", 2**64 - 1)))
seed("hostile", "staged", fresh(STAGED, struct.pack(">QQ", 1, 1), struct.pack("<Q", 1)))
seed("hostile", "snapshot_far", fresh(SNAPSHOTS, b"\x01then", struct.pack("<QqQ", 2**62, 1, 2**64 - 1)))
seed("hostile", "snapshot_past", fresh(SNAPSHOTS, b"\x02" + struct.pack(">Q", 1) + b"x", struct.pack("<QQ", 77, 1)))
seed("hostile", "snapshot_key", fresh(SNAPSHOTS, b"\x09", b"x"))
seed("hostile", "attributes_count", number(ATTRIBUTES, 0, 0, 2, 4096))
seed("hostile", "blob_other", number(BLOBS, 0, 0, 3, 0))
seed("hostile", "superblock_chunk", number(META, 1, 20, 2, 0))
