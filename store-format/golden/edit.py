#!/usr/bin/python3
"""Makes by hand, with LMDB and the seal but not with the library, what the library does not write on demand:

    edit.py staged SOUND OUT        SOUND and what killed processes would have staged in it
    edit.py refused GOLDEN FOLDER   files that must be refused, or opened read-only, and MANIFEST that says so; those
                                    that are in FOLDER already stay as they are

Each function below, under its name, hurts a copy of small.ufo of a golden set in GOLDEN. Columns of MANIFEST:

    file
    exit status of `reader.py --check`, and of `ufostore verify`
    "-": nothing of the file can be read; "sound"; "read-only"; or the object that is hurt, where others can be read
    exit status of `reader.py` and of `ufostore` when they read that object or, for "-", list the file
    what is wrong, in words"""
import os, shutil, struct, sys
import lmdb, lz4.block

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import reader
from reader import TABLES, xxh3


class Edit:
    """A write transaction of LMDB on a store."""

    def __init__(self, path):
        self.env = lmdb.open(path, subdir=False, max_dbs=16, map_size=1 << 26, lock=False, sync=False)
        self.tables = {t: self.env.open_db(t.encode(), create=False) for t in TABLES if t != "snapshots"}
        self.txn = self.env.begin(write=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.txn.commit()
        self.env.close()

    def get(self, table, key):
        value = self.txn.get(key, db=self.tables[table])
        return value if table == "blobs" else reader.unseal(table, key, value)

    def put(self, table, key, content):
        if table != "blobs":
            content += struct.pack("<Q", xxh3(content, xxh3(key, TABLES.index(table) + 1)))
        self.txn.put(key, content, db=self.tables[table])

    def put_unsealed(self, table, key, value):
        self.txn.put(key, value, db=self.tables[table])

    def change(self, table, key, at, form, *values):
        """Overwrites a field of a record and seals it anew."""
        content = bytearray(self.get(table, key))
        struct.pack_into(form, content, at, *values)
        self.put(table, key, bytes(content))

    def id(self, name):
        return struct.unpack_from("<Q", self.get("names", name))[0]

    def object_key(self, name):
        return struct.pack(">QQ", self.id(name), 2**64 - 2)

    def map_key(self, name, chunk=0):
        return struct.pack(">QQQ", self.id(name), chunk, 2**64 - 2)

    def blob_key(self, name, chunk=0):
        return struct.pack(">Q", struct.unpack_from("<Q", self.get("map", self.map_key(name, chunk)), 24)[0])


def staged(sound, out):
    shutil.copyfile(sound, out)
    with Edit(out) as e:
        objects, blob, owner, generation = struct.unpack("<4Q", e.get("meta", b"counters"))
        for i in range(5):  # of two processes
            encoded = bytes((i + 1) * (j * j >> 3) & 255 for j in range(1000 + 700 * i))
            e.put("blobs", struct.pack(">Q", blob + i), encoded)
            e.put("staged", struct.pack(">QQ", owner + i // 3, blob + i), struct.pack("<Q", len(encoded)))
        e.put("meta", b"counters", struct.pack("<4Q", objects, blob + 5, owner + 2, generation))


# ---- files that must be refused ----------------------------------------------------------------------------------------

FILES = []


def file(name, statuses, what, words, reading=None, base="1.0"):
    def add(function):
        FILES.append((name + ".ufo", *statuses, what, *(reading or statuses), words, base, function))
        return function
    return add


def meta_pages(path, at, form, value):
    with open(path, "r+b") as f:
        for page in (0, 4096):
            f.seek(page + at)
            f.write(struct.pack(form, value))


def superblock(name, statuses, what, words, at, form, value):
    @file(name, statuses, what, words)
    def edit(path):
        with Edit(path) as e:
            e.change("meta", b"superblock", at, form, value)


superblock("superblock-magic", (1, 3), "-", "another magic in the superblock", 0, "16s", b"ufostore stone\n\0")
superblock("major-2", (1, 1), "-", "format 2.0", 16, "<H", 2)
superblock("major-0", (1, 1), "-", "format 0.0", 16, "<H", 0)
superblock("incompat", (1, 1), "-", "an incompat feature of the future, bit 40", 40, "<Q", 1 << 40)
superblock("incompat-next", (1, 1), "-", "the next incompat feature, bit 2", 40, "<Q", 7)
superblock("ro-compat", (0, 0), "read-only", "an ro_compat feature of the future, bit 3", 32, "<Q", 8)
superblock("compat", (0, 0), "sound", "a compat feature of the future, bit 5: it must be kept", 24, "<Q", 32)
superblock("minor-99", (0, 0), "sound", "a minor version of the future without a feature bit", 18, "<H", 99)
superblock("endian", (1, 3), "-", "made by a machine with the other byte order", 64, ">Q", 0x0102030405060708)


@file("superblock-seal", (3, 3), "-", "the superblock does not fit its seal")
def superblock_seal(path):
    with Edit(path) as e:
        value = bytearray(e.txn.get(b"superblock", db=e.tables["meta"]))
        value[-1] ^= 0xFF
        e.put_unsealed("meta", b"superblock", bytes(value))


@file("superblock-missing", (1, 3), "-", "an LMDB file with the right tables, but without a superblock")
def superblock_missing(path):
    with Edit(path) as e:
        e.txn.delete(b"superblock", db=e.tables["meta"])


@file("table-missing", (3, 3), "-", "the table of references is missing")
def table_missing(path):
    drop(path, "refs")


@file("snapshots-missing", (3, 3), "-", "the table of snapshots is missing, which stores of 1.0 have too")
def snapshots_missing(path):
    drop(path, "snapshots")


def drop(path, table):
    env = lmdb.open(path, subdir=False, max_dbs=16, map_size=1 << 26, lock=False, sync=False)
    handle = env.open_db(table.encode(), create=False)
    with env.begin(write=True) as txn:
        txn.drop(handle, delete=True)
    env.close()


@file("table-more", (0, 0), "sound", "a table of another name")
def table_more(path):
    env = lmdb.open(path, subdir=False, max_dbs=16, map_size=1 << 26, lock=False, sync=False)
    handle = env.open_db(b"more")
    with env.begin(write=True) as txn:
        txn.put(b"key", b"no seal", db=handle)
    env.close()


@file("other-lmdb", (1, 3), "-", "an LMDB file of somebody else")
def other_lmdb(path):
    os.unlink(path)
    env = lmdb.open(path, subdir=False, lock=False, map_size=1 << 20)
    with env.begin(write=True) as txn:
        txn.put(b"superblock", b"hello")
    env.close()


@file("empty", (1, 3), "-", "no bytes at all")
def empty(path):
    open(path, "wb").close()


@file("text", (1, 3), "-", "a text")
def text(path):
    with open(path, "w") as f:
        f.write("This is not a store.\n" * 500)


@file("lmdb-magic", (1, 3), "-", "another magic in LMDB's meta pages")
def lmdb_magic(path):
    meta_pages(path, 16, "<I", 0xBEEFC0DF)


@file("lmdb-2", (1, 1), "-", "data version 2 in LMDB's meta pages, as LMDB 1.x writes it")
def lmdb_2(path):
    meta_pages(path, 20, "<I", 2)


@file("page-size-0", (1, 3), "-", "pages of no bytes")
def page_size_0(path):
    meta_pages(path, 40, "<I", 0)


@file("page-size-odd", (1, 3), "-", "pages of 4097 bytes")
def page_size_odd(path):
    meta_pages(path, 40, "<I", 4097)


@file("page-size-two", (1, 3), "-", "two meta pages that give different sizes of pages")
def page_size_two(path):
    with open(path, "r+b") as f:
        f.seek(4096 + 40)
        f.write(struct.pack("<I", 8192))


for kept, words in ((100, "cut in the first meta page"), (4096, "cut after the first meta page"),
                    (8192, "cut after the meta pages"), (-4096, "the last page cut off"), (-1, "the last byte cut off")):
    @file(f"cut{kept:+}".replace("+", "-at-").replace("cut-4", "cut-by-4").replace("cut-1", "cut-by-1"), (1, 3), "-", words)
    def cut(path, kept=kept):
        # LMDB may leave free pages behind the last one that it names: these are no loss.
        with open(path, "r+b") as f:
            last = max(struct.unpack_from("<Q", os.pread(f.fileno(), 8, page + 136))[0] for page in (0, 4096))
            f.truncate(kept if kept > 0 else (last + 1) * 4096 + kept)


# ---- files with damage -------------------------------------------------------------------------------------------------

@file("object-seal", (3, 3), "a", "an object's record does not fit its seal")
def object_seal(path):
    with Edit(path) as e:
        value = bytearray(e.txn.get(e.object_key(b"a"), db=e.tables["objects"]))
        value[8] ^= 1
        e.put_unsealed("objects", e.object_key(b"a"), bytes(value))


@file("entry-seal", (3, 3), "a", "an entry's seal is inverted")
def entry_seal(path):
    with Edit(path) as e:
        value = e.txn.get(e.map_key(b"a"), db=e.tables["map"])
        e.put_unsealed("map", e.map_key(b"a"), value[:-8] + bytes(b ^ 0xFF for b in value[-8:]))


@file("swapped-entries", (3, 3), "a", "two entries of an object, each sound, one in place of the other")
def swapped_entries(path):
    with Edit(path) as e:
        one, two = (e.txn.get(e.map_key(b"a", chunk), db=e.tables["map"]) for chunk in (0, 1))
        e.put_unsealed("map", e.map_key(b"a", 0), two)
        e.put_unsealed("map", e.map_key(b"a", 1), one)


@file("swapped-blobs", (3, 3), "a", "two encoded chunks of the same length, one in place of the other")
def swapped_blobs(path):
    with Edit(path) as e:
        keys = [e.blob_key(b"a", chunk) for chunk in (0, 1)]
        one, two = (e.get("blobs", key) for key in keys)
        assert len(one) == len(two)
        e.put("blobs", keys[0], two)
        e.put("blobs", keys[1], one)


@file("blob-bit", (3, 3), "a", "one bit of a chunk")
def blob_bit(path):
    with Edit(path) as e:
        blob = bytearray(e.get("blobs", e.blob_key(b"a")))
        blob[2000] ^= 16
        e.put("blobs", e.blob_key(b"a"), bytes(blob))


@file("blob-missing", (3, 3), "a", "a chunk's bytes are missing")
def blob_missing(path):
    with Edit(path) as e:
        e.txn.delete(e.blob_key(b"a", 1), db=e.tables["blobs"])


@file("blob-short", (3, 3), "a", "a chunk's bytes are one too few")
def blob_short(path):
    with Edit(path) as e:
        e.put("blobs", e.blob_key(b"a"), e.get("blobs", e.blob_key(b"a"))[:-1])


@file("short-free", (0, 0), "sound", "its last pages are free, and missing")
def short_free(path):
    for step in range(8):  # LMDB keeps the room of what is deleted, and uses it again from the third transaction on
        with Edit(path) as e:
            if step == 0:
                e.txn.put(b"big", bytes(40000), db=e.tables["meta"])
            else:
                e.txn.delete(b"big", db=e.tables["meta"])
                e.change("meta", b"counters", 24, "<Q", 1 + step)
    with open(path, "r+b") as f:
        free = reader.free_pages(f.fileno(), 4096, newest(f)[1], 1 << 20)
        last = newest(f)[0]
        while last in free:
            last -= 1
        assert last < newest(f)[0]
        f.truncate((last + 1) * 4096)


def newest(f):
    """Last page and root of the list of free pages."""
    metas = [os.pread(f.fileno(), 152, page) for page in (0, 4096)]
    meta = max(metas, key=lambda m: struct.unpack_from("<Q", m, 144))
    return struct.unpack_from("<Q", meta, 136)[0], struct.unpack_from("<Q", meta, 80)[0]


@file("short-used", (1, 3), "-", "its last pages are free, and missing with one that is not")
def short_used(path):
    short_free(path)
    os.truncate(path, os.path.getsize(path) - 4096)


def tail(name, words, change):
    @file(name, (3, 3), "a", words, base="1.2")
    def edit(path):
        with Edit(path) as e:
            entry = bytearray(e.get("map", e.map_key(b"a")))
            assert entry[1] == 2 and entry[3] == 16 and len(entry) == 72
            e.put("map", e.map_key(b"a"), bytes(change(entry)))


def with_inline(entry, count):
    return entry[:3] + bytes([count]) + entry[4:56] + (entry[56:] + b"?")[:count]


tail("tail-bit", "one bit of a tail", lambda entry: entry[:60] + bytes([entry[60] ^ 1]) + entry[61:])
tail("tail-missing", "no tail where bytes are missing", lambda entry: with_inline(entry, 0))
tail("tail-short", "a tail that is a byte too short", lambda entry: with_inline(entry, 15))
tail("tail-long", "a tail of 17 bytes", lambda entry: with_inline(entry, 17))


@file("tail-unsaid", (3, 3), "a", "a tail in a store that does not say so in its superblock", (0, 0), base="1.2")
def tail_unsaid(path):
    with Edit(path) as e:
        e.change("meta", b"superblock", 40, "<Q", 1)


@file("entry-missing", (3, 3), "a", "an entry is missing where the record says that all chunks have one")
def entry_missing(path):
    with Edit(path) as e:
        e.txn.delete(e.map_key(b"a", 1), db=e.tables["map"])


@file("codec-99", (3, 3), "a", "a chunk of an unknown codec", (1, 1))
def codec_99(path):
    with Edit(path) as e:
        e.change("map", e.map_key(b"a"), 1, "<B", 99)


@file("lost", (3, 3), "a", "a chunk that a salvage could not save (codec 6), and says so")
def lost(path):
    with Edit(path) as e:
        stored, = struct.unpack_from("<Q", e.get("objects", e.object_key(b"a")), 40)
        e.txn.delete(e.blob_key(b"a"), db=e.tables["blobs"])
        e.change("map", e.map_key(b"a"), 1, "<BBBIIB3xQQIIdd", 6, 1, 0, 4096, 0, 0, 0, 0, 0, 0, 0, 0)
        e.change("objects", e.object_key(b"a"), 40, "<Q", stored - 4096)
        e.change("objects", e.object_key(b"a"), 64, "<Q", 1)  # chunks of codec 2


@file("type-9", (3, 3), "a", "an object of an unknown type", (1, 1))
def type_9(path):
    with Edit(path) as e:
        e.change("objects", e.object_key(b"a"), 0, "<B", 9)


@file("lz4-bomb", (3, 3), "a", "an LZ4 block of 16 MiB in a chunk of 4 KiB")
def lz4_bomb(path):
    with Edit(path) as e:
        block = lz4.block.compress(bytes(1 << 24), store_size=False)
        e.put("blobs", e.blob_key(b"a"), block)
        e.change("map", e.map_key(b"a"), 1, "<B", 3)
        e.change("map", e.map_key(b"a"), 8, "<I", len(block))


@file("raw-bytes", (3, 3), "a", "an entry for more bytes than its chunk has")
def raw_bytes(path):
    with Edit(path) as e:
        e.change("map", e.map_key(b"a"), 4, "<I", 4097)


@file("width-0", (3, 3), "a", "shuffled units of no bytes")
def width_0(path):
    with Edit(path) as e:
        block = lz4.block.compress(e.get("blobs", e.blob_key(b"a")), store_size=False)
        e.put("blobs", e.blob_key(b"a"), block)
        e.change("map", e.map_key(b"a"), 1, "<BB", 4, 0)
        e.change("map", e.map_key(b"a"), 8, "<I", len(block))


@file("length-huge", (3, 3), "a", "an object of 2^63 elements")
def length_huge(path):
    with Edit(path) as e:
        e.change("objects", e.object_key(b"a"), 8, "<Q", 1 << 63)


@file("name-of-nothing", (3, 3), "b", "a name for an object that is missing")
def name_of_nothing(path):
    with Edit(path) as e:
        e.change("names", b"b", 0, "<Q", 77)


@file("list-in-itself", (3, 3), "list[[1]]", "a list that is its own child", (1, 3))
def list_in_itself(path):
    with Edit(path) as e:
        e.change("map", e.map_key(b"list"), 8, "<QQ", e.id(b"list"), 1)


def refused(golden, folder):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "MANIFEST"), "w") as manifest:
        for name, *columns, base, edit in FILES:
            path, small = os.path.join(folder, name), os.path.join(golden, base, "small.ufo")
            print(name, *columns, sep="\t", file=manifest)
            if os.path.exists(path):
                continue
            with lmdb.open(small, subdir=False, readonly=True, lock=False) as env, open(path, "wb") as f:
                env.copyfd(f.fileno(), compact=True)
            edit(path)


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[1] not in ("staged", "refused"):
        sys.exit(__doc__)
    {"staged": staged, "refused": refused}[sys.argv[1]](*sys.argv[2:])
