#!/usr/bin/python3
"""Makes by hand, with LMDB and the seal but not with the library, what the library does not write on demand:

    edit.py staged SOUND OUT        SOUND and what killed processes would have staged in it
    edit.py refused GOLDEN FOLDER   files that must be refused, or opened read-only, and MANIFEST that says so; those
                                    that are in FOLDER already stay as they are

FILES, at the end, says what is done to a copy of small.ufo of a golden set in GOLDEN. Columns of MANIFEST:

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


# ---- ways to hurt a store: each makes a function of its path ---------------------------------------------------------

def edit(change):
    """change(Edit) in a transaction."""
    def hurt(path):
        with Edit(path) as e:
            change(e)
    return hurt


def field(table, key, at, form, *values):
    """Overwrites a field of a record and seals it anew; `key` may be a function of the Edit."""
    return edit(lambda e: e.change(table, key(e) if callable(key) else key, at, form, *values))


def superblock(at, form, value):
    return field("meta", b"superblock", at, form, value)


def object_a(e):
    return e.object_key(b"a")


def entry_a(e):
    return e.map_key(b"a")


def changed(table, key, change):
    """A record and its seal as change() makes them of both."""
    def hurt(e):
        value = bytearray(e.txn.get(key(e), db=e.tables[table]))
        e.put_unsealed(table, key(e), bytes(change(value)))
    return edit(hurt)


def flipped(at, bits):
    def change(value):
        value[at] ^= bits
        return value
    return change


def missing(table, key):
    return edit(lambda e: e.txn.delete(key(e) if callable(key) else key, db=e.tables[table]))


def blob(change):
    """The first chunk of "a" as change() makes it of its bytes in the store."""
    def hurt(e):
        value = bytearray(e.get("blobs", e.blob_key(b"a")))
        e.put("blobs", e.blob_key(b"a"), bytes(change(value)))
    return edit(hurt)


def tail(change):
    """The entry of a chunk whose last 16 bytes are in it."""
    def hurt(e):
        entry = bytearray(e.get("map", entry_a(e)))
        assert entry[1] == 2 and entry[3] == 16 and len(entry) == 72
        e.put("map", entry_a(e), bytes(change(entry)))
    return edit(hurt)


def with_inline(count):
    return lambda entry: entry[:3] + bytes([count]) + entry[4:56] + (entry[56:] + b"?")[:count]


def encoded(codec, width, raw):
    """An LZ4 block in place of the first chunk of "a": of `raw`, or of what the chunk is."""
    def hurt(e):
        block = lz4.block.compress(raw or e.get("blobs", e.blob_key(b"a")), store_size=False)
        e.put("blobs", e.blob_key(b"a"), block)
        e.change("map", entry_a(e), 1, "<B", codec)
        if width is not None:
            e.change("map", entry_a(e), 2, "<B", width)
        e.change("map", entry_a(e), 8, "<I", len(block))
    return edit(hurt)


def written(*pieces):
    """(at, form, value) into the bytes of the file."""
    def hurt(path):
        with open(path, "r+b") as f:
            for at, form, value in pieces:
                f.seek(at)
                f.write(struct.pack(form, value))
    return hurt


def meta_pages(at, form, value):
    return written(*((page + at, form, value) for page in (0, 4096)))


def replaced(content):
    def hurt(path):
        with open(path, "wb") as f:
            f.write(content)
    return hurt


def cut(kept):
    """Kept bytes; if negative, so many fewer than the pages that LMDB names: free ones behind them are no loss."""
    def hurt(path):
        with open(path, "r+b") as f:
            last = max(struct.unpack_from("<Q", os.pread(f.fileno(), 8, page + 136))[0] for page in (0, 4096))
            f.truncate(kept if kept > 0 else (last + 1) * 4096 + kept)
    return hurt


def in_lmdb(table, change, **options):
    """change(transaction, table) with LMDB alone."""
    def hurt(path):
        env = lmdb.open(path, subdir=False, max_dbs=16, map_size=1 << 26, lock=False, sync=False)
        handle = env.open_db(table, **options)
        with env.begin(write=True) as txn:
            change(txn, handle)
        env.close()
    return hurt


def dropped(table):
    return in_lmdb(table, lambda txn, handle: txn.drop(handle, delete=True), create=False)


# ---- those that take more than one step ------------------------------------------------------------------------------

def other_lmdb(path):
    os.unlink(path)
    env = lmdb.open(path, subdir=False, lock=False, map_size=1 << 20)
    with env.begin(write=True) as txn:
        txn.put(b"superblock", b"hello")
    env.close()


@edit
def swapped_entries(e):
    one, two = (e.txn.get(e.map_key(b"a", chunk), db=e.tables["map"]) for chunk in (0, 1))
    e.put_unsealed("map", e.map_key(b"a", 0), two)
    e.put_unsealed("map", e.map_key(b"a", 1), one)


@edit
def swapped_blobs(e):
    keys = [e.blob_key(b"a", chunk) for chunk in (0, 1)]
    one, two = (e.get("blobs", key) for key in keys)
    assert len(one) == len(two)
    e.put("blobs", keys[0], two)
    e.put("blobs", keys[1], one)


@edit
def lost(e):
    stored, = struct.unpack_from("<Q", e.get("objects", object_a(e)), 40)
    e.txn.delete(e.blob_key(b"a"), db=e.tables["blobs"])
    e.change("map", entry_a(e), 1, "<BBBIIB3xQQIIdd", 6, 1, 0, 4096, 0, 0, 0, 0, 0, 0, 0, 0)
    e.change("objects", object_a(e), 40, "<Q", stored - 4096)
    e.change("objects", object_a(e), 64, "<Q", 1)  # chunks of codec 2


def newest(f):
    """Last page and root of the list of free pages."""
    metas = [os.pread(f.fileno(), 152, page) for page in (0, 4096)]
    meta = max(metas, key=lambda m: struct.unpack_from("<Q", m, 144))
    return struct.unpack_from("<Q", meta, 136)[0], struct.unpack_from("<Q", meta, 80)[0]


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


def short_used(path):
    short_free(path)
    os.truncate(path, os.path.getsize(path) - 4096)


# ---- the files -------------------------------------------------------------------------------------------------------

def invert_seal(value):
    return value[:-8] + bytes(b ^ 0xFF for b in value[-8:])


# Columns as in MANIFEST, a pair of statuses as one (None: reading ends as checking does); then what is done, and to the
# small.ufo of which version.
ALL, A, B = "-", "a", "b"
FILES = [
    ("superblock-magic", (1, 3), ALL, None, "another magic in the superblock",
     superblock(0, "16s", b"ufostore stone\n\0"), "1.0"),
    ("major-2", (1, 1), ALL, None, "format 2.0", superblock(16, "<H", 2), "1.0"),
    ("major-0", (1, 1), ALL, None, "format 0.0", superblock(16, "<H", 0), "1.0"),
    ("incompat", (1, 1), ALL, None, "an incompat feature of the future, bit 40", superblock(40, "<Q", 1 << 40), "1.0"),
    ("incompat-next", (1, 1), ALL, None, "the next incompat feature, bit 2", superblock(40, "<Q", 7), "1.0"),
    ("ro-compat", (0, 0), "read-only", None, "an ro_compat feature of the future, bit 3",
     superblock(32, "<Q", 8), "1.0"),
    ("compat", (0, 0), "sound", None, "a compat feature of the future, bit 5: it must be kept",
     superblock(24, "<Q", 32), "1.0"),
    ("minor-99", (0, 0), "sound", None, "a minor version of the future without a feature bit",
     superblock(18, "<H", 99), "1.0"),
    ("endian", (1, 3), ALL, None, "made by a machine with the other byte order",
     superblock(64, ">Q", 0x0102030405060708), "1.0"),
    ("superblock-seal", (3, 3), ALL, None, "the superblock does not fit its seal",
     changed("meta", lambda _: b"superblock", flipped(-1, 0xFF)), "1.0"),
    ("superblock-missing", (1, 3), ALL, None, "an LMDB file with the right tables, but without a superblock",
     missing("meta", b"superblock"), "1.0"),
    ("table-missing", (3, 3), ALL, None, "the table of references is missing", dropped(b"refs"), "1.0"),
    ("snapshots-missing", (3, 3), ALL, None, "the table of snapshots is missing, which stores of 1.0 have too",
     dropped(b"snapshots"), "1.0"),
    ("table-more", (0, 0), "sound", None, "a table of another name",
     in_lmdb(b"more", lambda txn, handle: txn.put(b"key", b"no seal", db=handle)), "1.0"),
    ("other-lmdb", (1, 3), ALL, None, "an LMDB file of somebody else", other_lmdb, "1.0"),
    ("empty", (1, 3), ALL, None, "no bytes at all", replaced(b""), "1.0"),
    ("text", (1, 3), ALL, None, "a text", replaced(b"This is not a store.\n" * 500), "1.0"),
    ("lmdb-magic", (1, 3), ALL, None, "another magic in LMDB's meta pages", meta_pages(16, "<I", 0xBEEFC0DF), "1.0"),
    ("lmdb-2", (1, 1), ALL, None, "data version 2 in LMDB's meta pages, as LMDB 1.x writes it",
     meta_pages(20, "<I", 2), "1.0"),
    ("page-size-0", (1, 3), ALL, None, "pages of no bytes", meta_pages(40, "<I", 0), "1.0"),
    ("page-size-odd", (1, 3), ALL, None, "pages of 4097 bytes", meta_pages(40, "<I", 4097), "1.0"),
    ("page-size-two", (1, 3), ALL, None, "two meta pages that give different sizes of pages",
     written((4096 + 40, "<I", 8192)), "1.0"),
    ("cut-at-100", (1, 3), ALL, None, "cut in the first meta page", cut(100), "1.0"),
    ("cut-at-4096", (1, 3), ALL, None, "cut after the first meta page", cut(4096), "1.0"),
    ("cut-at-8192", (1, 3), ALL, None, "cut after the meta pages", cut(8192), "1.0"),
    ("cut-by-4096", (1, 3), ALL, None, "the last page cut off", cut(-4096), "1.0"),
    ("cut-by-1", (1, 3), ALL, None, "the last byte cut off", cut(-1), "1.0"),
    ("object-seal", (3, 3), A, None, "an object's record does not fit its seal",
     changed("objects", object_a, flipped(8, 1)), "1.0"),
    ("entry-seal", (3, 3), A, None, "an entry's seal is inverted", changed("map", entry_a, invert_seal), "1.0"),
    ("swapped-entries", (3, 3), A, None, "two entries of an object, each sound, one in place of the other",
     swapped_entries, "1.0"),
    ("swapped-blobs", (3, 3), A, None, "two encoded chunks of the same length, one in place of the other",
     swapped_blobs, "1.0"),
    ("blob-bit", (3, 3), A, None, "one bit of a chunk", blob(flipped(2000, 16)), "1.0"),
    ("blob-missing", (3, 3), A, None, "a chunk's bytes are missing",
     missing("blobs", lambda e: e.blob_key(b"a", 1)), "1.0"),
    ("blob-short", (3, 3), A, None, "a chunk's bytes are one too few", blob(lambda value: value[:-1]), "1.0"),
    ("short-free", (0, 0), "sound", None, "its last pages are free, and missing", short_free, "1.0"),
    ("short-used", (1, 3), ALL, None, "its last pages are free, and missing with one that is not", short_used, "1.0"),
    ("tail-bit", (3, 3), A, None, "one bit of a tail", tail(flipped(60, 1)), "1.2"),
    ("tail-missing", (3, 3), A, None, "no tail where bytes are missing", tail(with_inline(0)), "1.2"),
    ("tail-short", (3, 3), A, None, "a tail that is a byte too short", tail(with_inline(15)), "1.2"),
    ("tail-long", (3, 3), A, None, "a tail of 17 bytes", tail(with_inline(17)), "1.2"),
    ("tail-unsaid", (3, 3), A, (0, 0), "a tail in a store that does not say so in its superblock",
     superblock(40, "<Q", 1), "1.2"),
    ("entry-missing", (3, 3), A, None, "an entry is missing where the record says that all chunks have one",
     missing("map", lambda e: e.map_key(b"a", 1)), "1.0"),
    ("codec-99", (3, 3), A, (1, 1), "a chunk of an unknown codec", field("map", entry_a, 1, "<B", 99), "1.0"),
    ("lost", (3, 3), A, None, "a chunk that a salvage could not save (codec 6), and says so", lost, "1.0"),
    ("type-9", (3, 3), A, (3, 3), "a vector that says it has strings", field("objects", object_a, 0, "<B", 9), "1.0"),
    ("type-10", (3, 3), A, (1, 1), "an object of an unknown type", field("objects", object_a, 0, "<B", 10), "1.0"),
    ("lz4-bomb", (3, 3), A, None, "an LZ4 block of 16 MiB in a chunk of 4 KiB",
     encoded(3, None, bytes(1 << 24)), "1.0"),
    ("raw-bytes", (3, 3), A, None, "an entry for more bytes than its chunk has",
     field("map", entry_a, 4, "<I", 4097), "1.0"),
    ("width-0", (3, 3), A, None, "shuffled units of no bytes", encoded(4, 0, None), "1.0"),
    ("length-huge", (3, 3), A, None, "an object of 2^63 elements", field("objects", object_a, 8, "<Q", 1 << 63), "1.0"),
    ("name-of-nothing", (3, 3), B, None, "a name for an object that is missing",
     field("names", b"b", 0, "<Q", 77), "1.0"),
    ("list-in-itself", (3, 3), "list[[1]]", (1, 3), "a list that is its own child",
     edit(lambda e: e.change("map", e.map_key(b"list"), 8, "<QQ", e.id(b"list"), 1)), "1.0"),
]


def refused(golden, folder):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "MANIFEST"), "w") as manifest:
        for name, checking, what, reading, words, hurt, base in FILES:
            path, small = os.path.join(folder, name + ".ufo"), os.path.join(golden, base, "small.ufo")
            print(name + ".ufo", *checking, what, *(reading or checking), words, sep="\t", file=manifest)
            if os.path.exists(path):
                continue
            with lmdb.open(small, subdir=False, readonly=True, lock=False) as env, open(path, "wb") as f:
                env.copyfd(f.fileno(), compact=True)
            hurt(path)


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[1] not in ("staged", "refused"):
        sys.exit(__doc__)
    {"staged": staged, "refused": refused}[sys.argv[1]](*sys.argv[2:])
