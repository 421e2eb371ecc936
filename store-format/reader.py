#!/usr/bin/python3
"""reader.py - an independent reader of ufostore files, made from FORMAT.md alone. It can be read as a second specification:
the sections have the numbers of that document.

    reader.py PATH                            a table of contents
    reader.py PATH NAME [--raw | --text]      the elements of an object; a list's elements are NAME[[1]], NAME[[2]], ...
    reader.py --digest [--versions] PATH...   a line for each object: name, version, type, length, SHA-256 of the body and
                                              of the attributes; --versions: of each version that the file still has;
                                              --at-most N: "-" for bodies of more bytes
    reader.py --check PATH...                 reads and compares everything there is
    reader.py PATH --snapshots                labels, generations and times of the snapshots
      --snapshot LABEL    what that snapshot sees, instead of what is current
      --version N         that version of NAME, if it is still there

Exit status: 0 done; 1 the file cannot be read or is no store, or there is no such object; 2 wrong usage; 3 the store is
damaged. Needs Debian's python3-lmdb and python3-lz4. As a module: Store(path).find(name), .body(record), .check(), ...
"""
import argparse, collections, contextlib, fcntl, hashlib, itertools, operator, os, re, stat, struct, sys
import lmdb, lz4.block


class Refused(Exception):
    """The file is no store, or not one that this reader may read."""


class Missing(Exception):
    """There is no such object, version or snapshot."""


class Damage(Exception):
    """What is stored is not what was written."""


class Unknown(Damage):
    """A type or a codec that this reader does not know: for a newer one it may be sound."""


# ---- 1. The container --------------------------------------------------------------------------------------------------

TABLES = ["meta", "names", "objects", "attributes", "map", "blobs", "refs", "staged", "garbage", "snapshots"]


def preflight(fd):
    """What must hold before LMDB maps the file: two meta pages that agree, and a file as long as they say."""
    info = os.fstat(fd)
    if not stat.S_ISREG(info.st_mode):
        raise Refused("not a regular file")

    def meta(at):
        page = os.pread(fd, 152, at)
        if len(page) < 152:
            raise Refused(f"not a store, or cut short: {info.st_size} bytes")
        flags, = struct.unpack_from("<H", page, 10)
        magic, version = struct.unpack_from("<II", page, 16)
        size, = struct.unpack_from("<I", page, 40)
        root, = struct.unpack_from("<Q", page, 80)
        last, transaction = struct.unpack_from("<QQ", page, 136)
        if magic != 0xBEEFC0DE or not flags & 8:
            raise Refused("not a store: no LMDB file, or one with a damaged meta page")
        if version != 1:
            raise Refused(f"LMDB data version {version}, not 1 (LMDB 0.9)")
        if size not in (4096, 8192, 16384, 32768):
            raise Refused(f"a page size of {size} bytes")
        return transaction, last, size, root

    first = meta(0)
    second = meta(first[2])
    if first[2] != second[2]:
        raise Refused("two meta pages with different page sizes")
    _, last, size, root = max(first, second)
    there, needed = info.st_size // size, last + 1
    if needed > there and (needed - there > info.st_size // 8 or
                           not free_pages(fd, size, root, there).issuperset(range(there, needed))):
        raise Refused(f"cut short: {needed * size} bytes are needed, {info.st_size} are there")


def free_pages(fd, size, root, there):
    """LMDB's list of free pages, as far as it can be read: a tree whose values are a count and as many page numbers."""
    free, pages, seen = set(), [root], set()
    with contextlib.suppress(struct.error):
        while pages:
            page = pages.pop()
            if page >= there or page in seen:
                continue
            seen.add(page)
            data = os.pread(fd, size, page * size)
            flags, lower = struct.unpack_from("<10xHH", data)
            for at in struct.unpack_from(f"<{max(0, lower - 16) // 2}H", data, 16):
                low, high, node_flags, key = struct.unpack_from("<HHHH", data, at)
                if flags & 1:  # a branch
                    pages.append(low | high << 16 | node_flags << 32)
                    continue
                value = data[at + 8 + key:at + 8 + key + (low | high << 16)]
                if node_flags & 1:  # in overflow pages, behind a header of 16 bytes
                    value = os.pread(fd, low | high << 16, u64(data, at + 8 + key) * size + 16)
                free.update(struct.unpack_from(f"<{min(u64(value), len(value) // 8)}Q", value, 8))
    return free


def lock(fd, command, kind, start, length=1):
    """An open-file-description lock: fcntl(fd, command) with a struct flock; returns the struct's type afterwards."""
    flock = struct.pack("hhxxxxqqixxxx", kind, os.SEEK_SET, start, length, 0)
    return struct.unpack_from("h", fcntl.fcntl(fd, command, flock))[0]


IN_USE = 1 << 60
BOUND = IN_USE + (1 << 59)


def attach(path):
    """Opens the file and, if it may be written, its lock file, with the locks that say so. Returns the descriptors."""
    def shared(fd, byte):
        try:
            lock(fd, fcntl.F_OFD_SETLK, fcntl.F_RDLCK, byte)
        except BlockingIOError:
            raise Refused("it is being replaced by another process; try again") from None

    def same(fd, path):
        there, here = os.stat(path), os.fstat(fd)
        return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)

    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    preflight(fd)
    shared(fd, IN_USE)
    try:
        lock_fd = os.open(path + "-lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, os.fstat(fd).st_mode & 0o666)
    except OSError:
        return fd, None
    if not os.access(path + "-lock", os.R_OK | os.W_OK):  # made just now like the store, which may not be written
        os.close(lock_fd)
        return fd, None
    for one, other, name in ((fd, lock_fd, path), (lock_fd, fd, path + "-lock")):
        mine = BOUND + os.fstat(other).st_ino % (1 << 59)
        shared(one, mine)
        for start, end in ((BOUND, mine), (mine + 1, 2 * IN_USE)):
            if end > start and lock(one, fcntl.F_OFD_GETLK, fcntl.F_WRLCK, start, end - start) != fcntl.F_UNLCK:
                raise Refused("it is in use under another name")
        if not same(one, name):
            raise Refused("it was replaced in this moment; try again")
    return fd, lock_fd


# ---- 2. The seal: XXH3-64 ----------------------------------------------------------------------------------------------
# As xxhash_spec.md of the xxHash project defines it, with its default secret.

SECRET = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221"
    "b8084674f743248ee03590e6813a264c3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8"
    "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364eac5ac8334d3ebc3c581a0fffa1363eb"
    "170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e")
M64, M32 = 2**64 - 1, 2**32 - 1
A1, A2, A3 = 0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D
B1, B2, B3, B4, B5 = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63,
                      0x27D4EB2F165667C5)


def u32(data, at=0):
    return int.from_bytes(data[at:at + 4], "little")


def u64(data, at=0):
    return int.from_bytes(data[at:at + 8], "little")


def fold(a, b):  # the halves of the 128-bit product
    product = a * b
    return (product & M64) ^ (product >> 64)


def avalanche(h):
    h = (h ^ h >> 37) * 0x165667919E3779F9 & M64
    return h ^ h >> 32


def avalanche64(h):
    h = (h ^ h >> 33) * B2 & M64
    h = (h ^ h >> 29) * B3 & M64
    return h ^ h >> 32


def rotated(h, by):
    return (h << by | h >> 64 - by) & M64


def xxh3(data, seed=0):
    """XXH3-64 of bytes, of any length."""
    n = len(data)
    if n > 240:
        return xxh3_long(bytes(data), seed)

    def mix(at, secret):
        return fold(u64(data, at) ^ (u64(SECRET, secret) + seed & M64),
                    u64(data, at + 8) ^ (u64(SECRET, secret + 8) - seed & M64))

    if n == 0:
        return avalanche64(seed ^ u64(SECRET, 56) ^ u64(SECRET, 64))
    if n < 4:
        word = data[0] << 16 | data[n >> 1] << 24 | data[n - 1] | n << 8
        return avalanche64(word ^ ((u32(SECRET) ^ u32(SECRET, 4)) + seed & M64))
    if n < 9:
        seed ^= int.from_bytes((seed & M32).to_bytes(4, "little"), "big") << 32
        word = u32(data, n - 4) + (u32(data) << 32) ^ ((u64(SECRET, 8) ^ u64(SECRET, 16)) - seed & M64)
        word = (word ^ rotated(word, 49) ^ rotated(word, 24)) * 0x9FB21C651E98DF25 & M64
        word = (word ^ (word >> 35) + n) * 0x9FB21C651E98DF25 & M64
        return word ^ word >> 28
    if n < 17:
        low = u64(data) ^ ((u64(SECRET, 24) ^ u64(SECRET, 32)) + seed & M64)
        high = u64(data, n - 8) ^ ((u64(SECRET, 40) ^ u64(SECRET, 48)) - seed & M64)
        swapped = int.from_bytes(low.to_bytes(8, "little"), "big")
        return avalanche(n + swapped + high + fold(low, high) & M64)
    if n < 129:
        total = n * B1
        for i in reversed(range((n - 1) // 32 + 1)):
            total += mix(16 * i, 32 * i) + mix(n - 16 * (i + 1), 32 * i + 16)
        return avalanche(total & M64)
    total = avalanche(n * B1 + sum(mix(16 * i, 16 * i) for i in range(8)) & M64)
    total += sum(mix(16 * i, 16 * (i - 8) + 3) for i in range(8, n // 16)) + mix(n - 16, 136 - 17)
    return avalanche(total & M64)


def xxh3_long(data, seed):
    """Stripes of 64 bytes in 8 lanes, 16 stripes to a block. All stripes are mixed with the secret in one operation on a
    long integer, and multiplied by map(), because a loop over lanes in Python would be ten times slower."""
    secret = SECRET
    if seed:
        words = struct.unpack("<24Q", SECRET)
        secret = struct.pack("<24Q", *(w - seed & M64 if i % 2 else w + seed & M64 for i, w in enumerate(words)))
    n = len(data)
    blocks, stripes = (n - 1) // 1024, (n - 1) // 64
    part = (stripes - 16 * blocks) * 64
    pattern = b"".join(secret[8 * i:8 * i + 64] for i in range(16))
    # What is hashed: the whole stripes, and once more the last 64 bytes, with another part of the secret.
    text = data[:stripes * 64] + data[-64:]
    mask = pattern * blocks + pattern[:part] + secret[121:185]
    mixed = (int.from_bytes(text, "little") ^ int.from_bytes(mask, "little")).to_bytes(len(text), "little")
    halves = struct.unpack(f"<{len(mixed) // 4}I", mixed)
    products = list(map(operator.mul, halves[0::2], halves[1::2]))
    words = struct.unpack(f"<{len(text) // 8}Q", text)
    lanes = [A3, B1, B2, B3, B4, A2, B5, A1]
    scramble = struct.unpack_from("<8Q", secret, 128)
    for at in range(0, stripes * 8, 128):
        end = min(at + 128, stripes * 8)
        lanes = [lanes[i] + sum(products[at + i:end:8]) + sum(words[at + (i ^ 1):end:8]) & M64 for i in range(8)]
        if at < blocks * 128:
            lanes = [(lane ^ lane >> 47 ^ key) * A1 & M64 for lane, key in zip(lanes, scramble)]
    at = stripes * 8
    lanes = [lanes[i] + products[at + i] + words[at + (i ^ 1)] & M64 for i in range(8)]
    keys = struct.unpack_from("<8Q", secret, 11)
    total = n * B1 + sum(fold(lanes[i] ^ keys[i], lanes[i + 1] ^ keys[i + 1]) for i in range(0, 8, 2))
    return avalanche(total & M64)


def unseal(table, key, value):
    """The content of a sealed value: what is before the hash that begins with the key and the table."""
    content = value[:-8]
    if len(value) < 8 or xxh3(content, xxh3(key, TABLES.index(table) + 1)) != u64(value, len(value) - 8):
        raise Damage(f"table {table}: a record does not fit its seal (key {key.hex()})")
    return content


def need(condition, what):
    if not condition:
        raise Damage(what)


# ---- 3. meta -----------------------------------------------------------------------------------------------------------

MAGIC = b"ufostore store\n\0"
GENERATIONS, TAILS = 1, 2  # incompat bits 0 and 1
KNOWN_INCOMPAT = GENERATIONS | TAILS
Superblock = collections.namedtuple("Superblock", "magic major minor chunk compat ro_compat incompat uuid endian created")


def superblock(content):
    need(len(content) == 96, "the superblock has another size")
    block = Superblock(*struct.unpack_from("<16sHHIQQQ16sQq", content))
    if block.magic != MAGIC:
        raise Refused("an LMDB file, but not a store of ufostore")
    if block.major != 1:
        raise Refused(f"format {block.major}.{block.minor}; this reader knows format 1")
    if block.incompat & ~KNOWN_INCOMPAT:
        raise Refused(f"it needs features that this reader does not know: incompat {block.incompat & ~KNOWN_INCOMPAT:#x}")
    if block.endian != 0x0102030405060708:
        raise Refused("made by a machine with another byte order")
    return block  # Unknown ro_compat bits forbid writing, which this program never does; compat bits forbid nothing.


# ---- 4. names, 5. objects ----------------------------------------------------------------------------------------------

TYPES = {1: "logical", 2: "integer", 3: "double", 4: "complex", 5: "raw", 6: "record", 7: "list", 8: "serialized",
         9: "character"}
ELEMENT = {1: 4, 2: 4, 3: 8, 4: 16, 5: 1, 7: 0, 8: 1, 9: 0}
LIST, CHARACTER = 7, 9
ENCODINGS = {1: "utf-8", 2: "latin-1", 3: "ascii"}  # of strings (7a); 3 is bytes without meaning
PARENTS = (LIST, CHARACTER)
Record = collections.namedtuple("Record", "id version type element length chunk entries written stored codecs "
                                "attributes attribute_count created changed generation")


def name_value(content):
    need(len(content) in (8, 16), "a name's record has another size")
    return u64(content), u64(content, 8) if len(content) == 16 else 0


def object_record(id, version, content):
    where = f"object {id} version {version}: "
    need(len(content) in (128, 136), where + "its record has another size")
    (type, element, length, chunk, entries, written, stored, *codecs, attributes, count, created, changed) = \
        struct.unpack_from("<B3xIQI4xQQQ6QQQqq", content)
    generation = u64(content, 128) if len(content) == 136 else 0
    if type not in TYPES:
        raise Unknown(where + f"unknown type {type}")
    need(ELEMENT.get(type, element) == element and (type != 6 or 1 <= element <= 65536), where + "size of elements")
    need(length <= 2**52 and length * element < 2**63, where + "length")
    if type in PARENTS:
        need(chunk == 0, where + "a list with chunks")
        need(type == LIST or length == 2, where + "strings without words and text")
    else:
        need(4096 <= chunk <= 2**24 and chunk & chunk - 1 == 0, where + f"chunks of {chunk} bytes")
    need(attributes <= version, where + "attributes of a later version")
    return Record(id, version, type, element, length, chunk, entries, written, stored, codecs, attributes, count, created,
                  changed, generation)


def type_name(record):
    return f"record({record.element})" if record.type == 6 else TYPES[record.type]


def chunk_count(record):
    """Chunks of a body; of a list: children."""
    return record.length if record.type in PARENTS else -(-record.length * record.element // record.chunk)


# ---- 6. attributes -----------------------------------------------------------------------------------------------------

def attribute_set(content):
    """A list of (key, type, value); values are tuples of numbers, lists of strings (None is NA) or bytes."""
    what = "a damaged set of attributes"
    need(len(content) >= 4, what)
    at, attributes = 4, []
    for _ in range(u32(content)):
        need(at + 18 <= len(content), what)
        type, key_length, count, size = struct.unpack_from("<BBQQ", content, at)
        at += 18
        need(1 <= type <= 6 and key_length > 0 and at + key_length + size <= len(content), what)
        key, value = content[at:at + key_length], content[at + key_length:at + key_length + size]
        at += key_length + size
        if type == 5:
            need(4 * count <= size, what)
            strings, begin = [], 4 * count
            for length in struct.unpack_from(f"<{count}I", value):
                end = begin + (0 if length == M32 else length)
                need(end <= size, what)
                strings.append(None if length == M32 else text_of(value[begin:end], what))
                begin = end
            need(begin == size, what)
            value = strings
        else:
            need(count * {1: 4, 2: 4, 3: 8, 4: 1, 6: 1}[type] == size, what)
            if type <= 3:
                value = struct.unpack(f"<{count}{'iid'[type - 1]}", value)
        attributes.append((text_of(key, what), type, value))
    need(at == len(content), what)
    need(len({key for key, _, _ in attributes}) == len(attributes), what)
    return attributes


def text_of(data, what):
    try:
        return bytes(data).decode("utf-8")
    except UnicodeDecodeError:
        raise Damage(what + ": not UTF-8") from None


# ---- 7. map, 8. codecs -------------------------------------------------------------------------------------------------

Child = collections.namedtuple("Child", "id version")
Entry = collections.namedtuple("Entry", "codec width raw stored statistics hash blob na least greatest inline")
ZERO, CONSTANT, RAW, LZ4, SHUFFLE, DELTA, LOST = range(7)


def map_entry(content):
    need(len(content) >= 1, "an empty entry")
    if content[0] == 2:
        need(len(content) == 24, "an entry for a child has another size")
        return Child(u64(content, 8), u64(content, 16))
    need(content[0] == 1 and len(content) >= 56, "an entry of no known kind")
    codec, width, inline, raw, stored, statistics, hash, blob, na, least, greatest = \
        struct.unpack_from("<xBBBIIB3xQQI4xdd", content)
    need(len(content) == 56 + inline and inline <= 16, "an entry has another size")
    need(0 < raw <= 2**24, "an entry for no bytes")
    need((blob != 0) == (stored != 0) == (codec in (RAW, LZ4, SHUFFLE, DELTA)) or codec > LOST, "a blob too much or too few")
    return Entry(codec, width, raw, stored, statistics, hash, blob, na, least, greatest, content[56:])


def decode(entry, blob):
    """The raw bytes of a chunk, compared with their hash."""
    if entry.codec == ZERO:
        raw = bytes(entry.raw)
    elif entry.codec == CONSTANT:
        need(entry.inline, "a constant of no bytes")
        raw = (entry.inline * (entry.raw // len(entry.inline) + 1))[:entry.raw]
    elif entry.codec == RAW:
        raw = bytes(blob) + entry.inline
    elif entry.codec in (LZ4, SHUFFLE, DELTA):
        try:
            raw = lz4.block.decompress(blob, uncompressed_size=entry.raw)
        except Exception as error:  # LZ4BlockError, or ValueError for sizes
            raise Damage(f"no LZ4 block: {error}") from None
        need(len(raw) == entry.raw, "an LZ4 block of another length")
        if entry.codec != LZ4:
            raw = unshuffle(raw, entry.width)
        if entry.codec == DELTA:
            raw = undelta(raw, entry.width)
    elif entry.codec == LOST:
        raise Damage("known to be lost: it could not be read when the store was salvaged")
    else:
        raise Unknown(f"unknown codec {entry.codec}")
    need(len(raw) == entry.raw and xxh3(raw) == entry.hash, "its bytes do not fit their hash")
    return raw


def unshuffle(data, width):
    """Byte 0 of each unit, byte 1 of each, ..., and the rest as it is."""
    need(width > 0, "units of no bytes")
    units = len(data) // width
    raw = bytearray(data)
    for byte in range(width if units else 0):
        raw[byte:units * width:width] = data[byte * units:(byte + 1) * units]
    return bytes(raw)


def undelta(data, width):
    need(width in (4, 8), "differences of another width")
    units, form = len(data) // width, "I" if width == 4 else "Q"
    mask = (1 << 8 * width) - 1
    sums = itertools.accumulate(struct.unpack_from(f"<{units}{form}", data), lambda a, b: a + b & mask)
    return struct.pack(f"<{units}{form}", *sums) + data[units * width:]


def statistics_hold(record, entry, raw):
    """Whether the entry's statistics are those of the elements."""
    if not entry.statistics & 1:
        return entry.statistics == 0
    if record.type not in (1, 2, 3):
        return False
    if record.type == 3:
        values = struct.unpack(f"<{len(raw) // 8}d", raw)
        known = [v for v in values if v == v]
    else:
        values = struct.unpack(f"<{len(raw) // 4}i", raw)
        known = [v for v in values if v != -2**31]
    if entry.na != len(values) - len(known) or bool(entry.statistics & 2) != bool(known):
        return False
    if known and (min(known), max(known)) != (entry.least, entry.greatest):
        return False
    if entry.statistics & 12 and len(known) < len(values):
        return False
    return ((not entry.statistics & 4 or all(map(operator.le, values, values[1:]))) and
            (not entry.statistics & 8 or all(map(operator.ge, values, values[1:]))))


# ---- 7a. strings -------------------------------------------------------------------------------------------------------

def word_fields(word):
    """(encoding, place, offset, length): place 1..7 is in the word, 8 in the text, 9 in the text behind its length."""
    if word <= 1:
        return 1, word - 1, 0, 0
    encoding, place, rest = word >> 4 & 15, word & 15, word >> 8
    need(1 <= encoding <= 3 and 1 <= place <= 9, f"there is no word {word:#x}")
    if place <= 7:
        need(rest >> 8 * place == 0, f"word {word:#x} has bytes behind its string")
        return encoding, place, 0, place
    need(place == 8 or rest & 4095 == 0, f"word {word:#x} has a length where none belongs")
    return encoding, place, rest >> 12, rest & 4095 if place == 8 else 8


def string_of(word, text):
    encoding, place, offset, length = word_fields(word)
    if word <= 1:
        return None if word else (1, b"")
    if place <= 7:
        return encoding, (word >> 8).to_bytes(7, "little")[:place]
    need(offset + length <= len(text), f"it ends at byte {offset + length} of a text of {len(text)}")
    if place == 9:
        offset, length = offset + 8, u64(text, offset)
        need(length < 2**31 and offset + length <= len(text), f"it ends at byte {offset + length} of a text of {len(text)}")
    return encoding, text[offset:offset + length]


# ---- 11. Snapshots -----------------------------------------------------------------------------------------------------

Snapshot = collections.namedtuple("Snapshot", "generation time names")


# ---- a store -----------------------------------------------------------------------------------------------------------

class Store:
    """One LMDB read transaction over the whole life of this object, so what it sees never changes: no pins are needed."""

    def __init__(self, path, snapshot=None):
        self.path = path
        self.fd, self.lock_fd = attach(path)
        size = os.fstat(self.fd).st_size
        self.env = lmdb.open(path, subdir=False, readonly=True, create=False, lock=self.lock_fd is not None,
                             max_dbs=len(TABLES), map_size=max(2 * size, 1 << 26))
        self.txn = self.env.begin(buffers=False)
        self.tables = {}
        for table in TABLES:
            try:
                self.tables[table] = self.env.open_db(table.encode(), txn=self.txn, create=False)
            except lmdb.NotFoundError:
                if not self.tables:
                    raise Refused("an LMDB file, but not a store of ufostore") from None
                raise Damage(f"the table {table} is missing") from None
        content = self.get("meta", b"superblock")
        if content is None:
            raise Refused("an LMDB file, but not a store of ufostore")
        self.superblock = superblock(content)
        self.snapshots = self.read_snapshots()
        self.generation = None
        if snapshot is not None:
            if snapshot not in self.snapshots:
                raise Missing(f"no snapshot '{snapshot}'")
            self.generation = self.snapshots[snapshot].generation

    # -- tables --

    def get(self, table, key):
        """The content of the record under a key, or None."""
        value = self.txn.get(key, db=self.tables[table])
        return value if value is None or table == "blobs" else unseal(table, key, value)

    def scan(self, table, start=b"", prefix=b"", report=None):
        """(key, content) from the first key at or after `start`, while keys begin with `prefix`. With `report`, which is
        told of records that do not fit their seal, these are passed over."""
        with self.txn.cursor(db=self.tables[table]) as cursor:
            before, found = start, cursor.set_range(start) if start else cursor.first()
            while found:
                key, value = cursor.item()
                need(key >= before, f"table {table}: the keys do not ascend")
                if not key.startswith(prefix):
                    return
                before = key + b"\0"
                try:
                    yield key, value if table == "blobs" else unseal(table, key, value)
                except Damage as damage:
                    if report is None:
                        raise
                    report(damage)
                found = cursor.next()

    # -- names and versions --

    def read_snapshots(self):
        snapshots = {}
        for key, content in self.scan("snapshots", prefix=b"\1", start=b"\1"):
            need(len(content) == 32, "a snapshot's record has another size")
            snapshots[text_of(key[1:], "label of a snapshot")] = Snapshot(*struct.unpack_from("<QqQ", content))
        return snapshots

    def past_names(self):
        """(generation, name) -> (id, since)"""
        return {(int.from_bytes(key[1:9], "big"), key[9:]): name_value(content)
                for key, content in self.scan("snapshots", prefix=b"\2", start=b"\2")}

    def names(self, generation=None):
        """name -> object id, in order, as the snapshot of that generation sees them; None: as they are now."""
        current = {key: name_value(content) for key, content in self.scan("names")}
        if generation is not None:
            past, seen = self.past_names(), {}
            later = sorted(s.generation for s in self.snapshots.values() if s.generation >= generation)
            for name in {*current, *(name for _, name in past)}:
                records = [past[H, name] for H in later if (H, name) in past] + [current[n] for n in [name] if n in current]
                seen.update({name: record for record in records[::-1] if record[1] <= generation})
            current = seen
        return {text_of(name, "a name"): current[name][0] for name in sorted(current)}

    def versions(self, id):
        """The records of an object, the newest first."""
        prefix = struct.pack(">Q", id)
        for key, content in self.scan("objects", start=prefix, prefix=prefix):
            need(len(key) == 16, "table objects: a key of another size")
            yield object_record(id, M64 - int.from_bytes(key[8:], "big"), content)

    def record(self, id, version=None, generation=None):
        """That version; or the newest one, or the newest one that a snapshot sees."""
        for record in self.versions(id):
            if version is None and (generation is None or record.generation <= generation) or record.version == version:
                return record
        raise Damage(f"object {id}: no record" + (f" of version {version}" if version else ""))

    def find(self, name, version=None):
        """The record of an object by its name, or of an element of a list: NAME[[1]], or NAME$ELEMENT."""
        id = self.names(self.generation).get(name)
        if id is not None:
            records = list(self.versions(id)) if version else [self.record(id, None, self.generation)]
            for record in records:
                if version in (None, record.version):
                    return record
            raise Missing(f"'{name}' has no version {version}")
        parent, element = None, None
        if name.endswith("]]") and "[[" in name:
            parent, _, element = name[:-2].rpartition("[[")
        elif "$" in name:
            parent, _, element = name.rpartition("$")
        if parent:
            parent = self.find(parent, version)
            if parent.type in PARENTS:
                children = self.children(parent)
                if name.endswith("]]") and element.isdigit() and 1 <= int(element) <= len(children):
                    return children[int(element) - 1]
                names = dict((key, value) for key, _, value in self.attributes(parent)).get("names", [])
                names = names if parent.type == LIST else []
                if not name.endswith("]]") and element in names:
                    return children[names.index(element)]
        raise Missing(f"no object '{name}'")

    # -- content --

    def attributes(self, record):
        content = self.attribute_bytes(record)
        return attribute_set(content) if content else []

    def attribute_bytes(self, record):
        if record.attributes == 0:
            need(record.attribute_count == 0, f"object {record.id}: attributes without a set")
            return None
        content = self.get("attributes", struct.pack(">QQ", record.id, record.attributes))
        need(content is not None and u32(content) == record.attribute_count, f"object {record.id}: its attributes are missing")
        return content

    def entries(self, record):
        """(chunk, entry) in force at that version, in order of chunks."""
        prefix = struct.pack(">Q", record.id)
        done, last = -1, chunk_count(record)
        for key, content in self.scan("map", start=prefix, prefix=prefix):
            need(len(key) == 24, "table map: a key of another size")
            chunk, version = int.from_bytes(key[8:16], "big"), M64 - int.from_bytes(key[16:], "big")
            if chunk >= last:
                return
            if chunk > done and version <= record.version:
                entry = map_entry(content)
                need(isinstance(entry, Child) == (record.type in PARENTS), f"object {record.id}: an entry of another kind")
                done = chunk
                yield chunk, entry

    def children(self, record):
        children = dict(self.entries(record))
        need(len(children) == record.length, f"list {record.id}: {record.length - len(children)} children are missing")
        return [self.record(child.id, child.version) for _, child in sorted(children.items())]

    def words_and_text(self, record):
        """The records of the two parts of an object of strings."""
        words, text = self.children(record)
        need((words.type, words.element, text.type) == (6, 8, 5), f"object {record.id}: not the words and text of strings")
        return words, text

    def length(self, record):
        return self.words_and_text(record)[0].length if record.type == CHARACTER else record.length

    def strings(self, record):
        """(encoding, bytes) of each string; None is NA."""
        words, text = self.words_and_text(record)
        text = b"".join(self.body(text))
        for k, (word,) in enumerate(struct.iter_unpack("<Q", b"".join(self.body(words)))):
            try:
                yield string_of(word, text)
            except Damage as damage:
                raise Damage(f"string {k}: {damage}") from None

    def chunk(self, entry):
        blob = b""
        if entry.blob:
            blob = self.get("blobs", struct.pack(">Q", entry.blob))
            need(blob is not None, f"blob {entry.blob} is missing")
            need(len(blob) == entry.stored, f"blob {entry.blob} has another length")
        return decode(entry, blob)

    def body(self, record):
        """The bytes of the body, in pieces."""
        size, at, done = record.length * record.element, 0, 0

        def zeros(until):
            need(record.entries < chunk_count(record) or until == at, f"chunk {at // record.chunk}: its entry is missing")
            for begin in range(at, until, 1 << 20):
                yield bytes(min(1 << 20, until - begin))

        for number, entry in self.entries(record):
            begin = number * record.chunk
            yield from zeros(begin)
            at = min(begin + record.chunk, size)
            try:
                need(entry.raw == at - begin, f"{entry.raw} bytes, not {at - begin}")
                yield self.chunk(entry)
            except Damage as damage:
                first = begin // record.element
                raise type(damage)(f"chunk {number} (elements {first}:{-(-at // record.element)}): {damage}") from None
        yield from zeros(size)


# ---- 9, 10, 12: all that must agree --------------------------------------------------------------------------------------

GARBAGE = {1: "superseded", 2: "dropped"}
LISTS_DEEP = 64


class Check:
    """Reads every record and every chunk and compares what is said twice. `damages` says what does not hold."""

    def __init__(self, store):
        self.store, self.damages, self.bytes, self.chunks = store, [], 0, 0
        self.rows = {table: self.table(table) for table in TABLES}
        self.referents = collections.Counter()
        with self.guard("counters"):
            content = self.rows["meta"].get(b"counters")
            need(content is not None and len(content) == 32, "missing, or of another size")
            self.counters = struct.unpack("<4Q", content)
            self.collect()
            self.garbage()
            self.names()
            self.lists()
            for id, records in self.objects.items():
                self.object(id, records)
            self.blobs()

    def report(self, cause):
        self.damages.append(str(cause))

    @contextlib.contextmanager
    def guard(self, where):
        try:
            yield
        except Damage as damage:
            self.report(f"{where}: {damage}")

    def table(self, table):
        """All of a table; of blobs, the lengths. A search for each key finds it, and their number is LMDB's own."""
        rows, store, handle = {}, self.store, self.store.tables[table]
        with self.guard(f"table {table}"):
            seen = 0
            for key, value in store.scan(table, report=self.report):
                rows[key] = len(value) if table == "blobs" else value
                need(store.txn.get(key, db=handle) is not None, f"a search for {key.hex()} does not find it")
            damaged = sum(f"table {table}: a record" in damage for damage in self.damages)
            seen, count = len(rows) + damaged, store.txn.stat(handle)["entries"]
            need(seen == count, f"{seen} records, where LMDB counts {count}")
        return rows

    def collect(self):
        """Objects with their records and entries, by id."""
        self.objects, self.entries, self.sets = {}, {}, {}
        for key, content in self.rows["objects"].items():
            with self.guard(f"table objects, key {key.hex()}"):
                need(len(key) == 16, "a key of another size")
                id, version = u64_key(key), M64 - u64_key(key, 8)
                need(0 < id < min(self.counters[0], 2**30) and 0 < version < 2**32, "no such object can be")
                record = object_record(id, version, content)
                need(record.generation <= self.counters[3], "a generation to come")
                self.objects.setdefault(id, []).append(record)
        for key, content in self.rows["map"].items():
            with self.guard(f"table map, key {key.hex()}"):
                need(len(key) == 24, "a key of another size")
                id, chunk, version = u64_key(key), u64_key(key, 8), M64 - u64_key(key, 16)
                need(id in self.objects, "an entry of no object")
                need(version <= self.objects[id][0].version, "an entry of a version to come")
                entry = map_entry(content)
                need(isinstance(entry, Child) == (self.objects[id][0].type in PARENTS), "an entry of another kind")
                self.entries.setdefault(id, []).append((chunk, version, entry))
                if isinstance(entry, Entry) and entry.blob:
                    self.referents[entry.blob] += 1
                    need(entry.codec != RAW or not entry.inline or self.store.superblock.incompat & TAILS,
                         "a tail, in a store that does not say that it has any")
        for key, content in self.rows["attributes"].items():
            with self.guard(f"table attributes, key {key.hex()}"):
                need(len(key) == 16, "a key of another size")
                self.sets[u64_key(key), u64_key(key, 8)] = len(attribute_set(content))

    def garbage(self):
        self.dropped, self.generations = set(), {s.generation for s in self.store.snapshots.values()}
        for key, content in self.rows["garbage"].items():
            with self.guard(f"table garbage, key {key.hex()}"):
                parked = len(key) == 20
                need(parked or len(key) == 12, "a key of another size")
                if parked:
                    # Its snapshot may be gone: then it is due, and was not looked at yet.
                    need(u64_key(key) >> 63 and u64_key(key) - 2**63 < u64_key(key, 8), "parked, but not as garbage is")
                generation = u64_key(key, 8 if parked else 0)
                need(generation <= self.counters[3], "of a generation to come")
                need(len(content) >= 32, "a record of another size")
                kind, runs, id, version = struct.unpack_from("<B3xIQQ", content)
                need(kind in GARBAGE and runs <= 120 and len(content) == 32 + 12 * runs, "not as garbage is")
                need(all(first + count <= 2**52 for first, count in struct.iter_unpack("<QI", content[32:])), "its chunks")
                if kind == 2:
                    self.dropped.add(id)

    def names(self):
        """Every object has one name, or was dropped, or is a child of a list (see lists)."""
        store, self.named, self.current, self.seen = self.store, {}, {}, {}
        for key, content in self.rows["names"].items():
            with self.guard(f"name {key!r}"):
                need(1 <= len(key) <= 480 and b"\0" not in key, "no name")
                id, since = name_value(content)
                need(id in self.objects, f"object {id} is missing")
                need(id not in self.current, f"object {id} has another name")
                need(since <= self.counters[3], "since a generation to come")
                self.named[id] = self.current[id] = text_of(key, "a name")
        self.seen[""] = {(id, self.objects[id][0].version) for id in self.current}
        for label, snapshot in store.snapshots.items():
            roots = self.seen[f" in snapshot '{label}'"] = set()
            with self.guard(f"snapshot '{label}'"):
                need(snapshot.generation <= self.counters[3], "of a generation to come")
                names = store.names(snapshot.generation)
                need(len(names) == snapshot.names, f"{len(names)} names, where its record says {snapshot.names}")
                for name, id in names.items():
                    self.named.setdefault(id, name)
                    record = next((r for r in self.objects.get(id, []) if r.generation <= snapshot.generation), None)
                    need(record is not None, f"what it sees of '{name}' is missing")
                    roots.add((id, record.version))
        for key in self.rows["snapshots"]:
            if key[0] != 1:
                with self.guard(f"table snapshots, key {key.hex()}"):
                    need(key[0] == 2 and 10 <= len(key) <= 489 and u64_key(key, 1) in self.generations, "of no snapshot")

    def object(self, id, records):
        """Each chunk once; and each version that has a record has all that it needs."""
        entries, damaged, name = self.entries.get(id, []), set(), self.named.get(id, f"object {id}")
        for chunk, version, entry in entries:
            if isinstance(entry, Entry):
                self.chunks, self.bytes = self.chunks + 1, self.bytes + entry.raw
                where = f"'{name}' version {version} chunk {chunk}"
                with self.guard(where):
                    raw = self.store.chunk(entry)
                    need(statistics_hold(records[0], entry, raw), "its statistics are wrong")
        for record in records:
            force, written = {}, 0
            for chunk, version, entry in entries:
                written += version == record.version
                if version <= record.version and chunk < chunk_count(record):
                    force.setdefault(chunk, entry)
            with self.guard(f"'{name}' version {record.version}"):
                need(written == record.written, f"it wrote {written} entries, where its record says {record.written}")
                sets = self.sets.get((id, record.attributes), None if record.attributes else 0)
                need(sets == record.attribute_count, "its attributes are missing")
                if record.type in PARENTS:
                    need(len(force) == record.length and not record.entries, "children are missing")
                    if record.type == CHARACTER and record is records[0] and id not in self.dropped:
                        collections.deque(self.store.strings(record), 0)
                    continue
                for chunk, entry in force.items():
                    length = min(record.chunk, record.length * record.element - chunk * record.chunk)
                    need(entry.raw == length, f"chunk {chunk} has {entry.raw} bytes, not {length}")
                codecs = collections.Counter(entry.codec for entry in force.values())
                need(len(force) == record.entries, f"{len(force)} entries, where its record says {record.entries}")
                need([codecs[i] for i in range(6)] == record.codecs, "another mix of codecs than its record says")
                need(sum(e.stored for e in force.values()) == record.stored, "other encoded bytes than its record says")
        used = {record.attributes for record in records}
        for _, version in [key for key in self.sets if key[0] == id and key[1] not in used]:
            self.report(f"'{name}': attributes of version {version} belong to nothing")

    def lists(self):
        """At any one time a child belongs to one list, and is there at the version that the list names."""
        for at, roots in self.seen.items():
            owner, queue = {}, [(id, version, 0) for id, version in sorted(roots)]
            while queue:
                id, version, depth = queue.pop()
                with self.guard(f"'{self.named.get(id, f'object {id}')}'{at}"):
                    need(depth <= LISTS_DEEP, "too many lists inside of each other")
                    record = next((r for r in self.objects.get(id, []) if r.version == version), None)
                    need(record is not None, f"object {id} version {version} is missing")
                    for k, child in self.store.entries(record) if record.type in PARENTS else ():
                        need(owner.setdefault(child.id, (id, k)) == (id, k) and (at or child.id not in self.current),
                             f"object {child.id} belongs to two lists, or has a name too")
                        self.named.setdefault(child.id, f"{self.named[id]}[[{k + 1}]]")
                        queue.append((child.id, child.version, depth + 1))
        queue, reached = [*self.named, *self.dropped], set()
        while queue:
            id = queue.pop()
            if id not in reached:
                reached.add(id)
                queue += [entry.id for _, _, entry in self.entries.get(id, []) if isinstance(entry, Child)]
        for id in set(self.objects) - reached:
            self.report(f"object {id} belongs to nothing")

    def blobs(self):
        """As many referents as are counted, none missing, nothing that belongs to nobody."""
        for key, content in self.rows["staged"].items():
            with self.guard(f"table staged, key {key.hex()}"):
                need(len(key) == 16 and len(content) == 8, "a record of another size")
                need(u64_key(key) < self.counters[2], "an owner to come")
                need(self.rows["blobs"].get(key[8:]) == u64(content), "its blob is missing or has another length")
                self.referents[u64_key(key, 8)] += 1
        for key in self.rows["blobs"]:
            with self.guard(f"blob {key.hex()}"):
                need(len(key) == 8 and 0 < u64_key(key) < self.counters[1], "no such blob can be")
                need(self.referents[u64_key(key)] > 0, "it belongs to nothing")
        further = {u64_key(key): u64(content) for key, content in self.rows["refs"].items()}
        for blob, count in self.referents.items():
            if further.pop(blob, 0) != count - 1:
                self.report(f"blob {blob}: {count} referents, where table refs says another number")
        for blob, count in self.referents.items():
            if count == 1 and struct.pack(">Q", blob) in self.rows["refs"]:
                self.report(f"blob {blob}: one referent, but there is a record in table refs")
        for blob in further:
            self.report(f"blob {blob}: in table refs, but nothing refers to it")

    def __str__(self):
        return (f"{len(self.objects)} objects, {sum(map(len, self.objects.values()))} versions, {self.chunks} chunks, "
                f"{self.bytes} bytes")


def u64_key(key, at=0):
    return int.from_bytes(key[at:at + 8], "big")


# ---- the program -------------------------------------------------------------------------------------------------------

def shown(name):
    """A name with its control bytes and backslashes as \\xNN."""
    return "".join(f"\\x{ord(c):02x}" if ord(c) < 32 or c in "\x7f\\" else c for c in name)


def number(value):
    """A double as text: the shortest that gives it back, R's NA by its bits."""
    if value != value:
        return "NA" if u32(struct.pack("<d", value)) == 1954 else "NaN"
    if abs(value) == float("inf"):
        return "Inf" if value > 0 else "-Inf"
    if abs(value) < sys.float_info.min:
        return repr(value)[:-2] if repr(value).endswith(".0") else repr(value)
    return next(text for text in (f"{value:.{p}g}" for p in (15, 16, 17)) if float(text) == value)


def lines(record, raw):
    """Whole elements as text, one to a line."""
    if record.type == 1:
        return [{0: "FALSE", -2**31: "NA"}.get(v, "TRUE") for v in struct.unpack(f"<{len(raw) // 4}i", raw)]
    if record.type == 2:
        return ["NA" if v == -2**31 else str(v) for v in struct.unpack(f"<{len(raw) // 4}i", raw)]
    if record.type in (3, 4):
        texts = [number(v) for v in struct.unpack(f"<{len(raw) // 8}d", raw)]
        if record.type == 3:
            return texts
        return ["NA" if "NA" in (a, b) else a + ("" if b[0] == "-" else "+") + b + "i"
                for a, b in zip(texts[0::2], texts[1::2])]
    return [raw[at:at + record.element].hex() for at in range(0, len(raw), record.element)]


def write_elements(store, record, text, out):
    if record.type == LIST:
        raise Missing(f"it is a list; its {record.length} elements are NAME[[1]], NAME[[2]], ...")
    if record.type == CHARACTER and not text:
        raise Missing("it has strings; its words and its text are NAME[[1]] and NAME[[2]]")
    if record.type == CHARACTER:
        for string in store.strings(record):
            line = "NA" if string is None else shown(string[1].decode(ENCODINGS[string[0]], "surrogateescape"))
            out.write(re.sub("[\udc80-\udcff]", lambda c: f"\\x{ord(c[0]) - 0xdc00:02x}", line).encode() + b"\n")
        return
    rest = b""
    for piece in store.body(record):
        if text:
            rest += piece
            whole = len(rest) // record.element * record.element
            piece, rest = "".join(line + "\n" for line in lines(record, rest[:whole])).encode(), rest[whole:]
        out.write(piece)


def walk(store, record, name, depth=0, lists=None):
    """The object and, if it is a list, all that is in it."""
    yield name, record
    if record.type in PARENTS:
        lists = set() if lists is None else lists
        need(depth < LISTS_DEEP, "too many lists inside of each other")
        need(record.id not in lists, f"object {record.id}, a list, is in more than one place, or inside of itself")
        lists.add(record.id)
        for k, child in enumerate(store.children(record)):
            yield from walk(store, child, f"{name}[[{k + 1}]]", depth + 1, lists)


def digest(store, record, name, most):
    body, attributes = "-", store.attribute_bytes(record)
    if record.type not in PARENTS and (most is None or record.length * record.element <= most):
        sha = hashlib.sha256()
        for piece in store.body(record):
            sha.update(piece)
        body = sha.hexdigest()
    attributes = hashlib.sha256(attributes).hexdigest() if attributes is not None and u32(attributes) else "-"
    return "\t".join([shown(name), str(record.version), type_name(record), str(store.length(record)), body, attributes])


def print_digests(store, every_version, most, before):
    for name, id in store.names(store.generation).items():
        newest = store.record(id, None, store.generation)
        for record in store.versions(id) if every_version else [newest]:
            if record.version <= newest.version:
                for path, part in walk(store, record, name):
                    print(before + digest(store, part, path, most))


def print_contents(store):
    rows = [("name", "type", "length", "chunks", "stored", "version")]
    for name, id in store.names(store.generation).items():
        for path, record in walk(store, store.record(id, None, store.generation), name):
            chunks = 0 if record.type in PARENTS else chunk_count(record)
            rows.append((shown(path), type_name(record), *map(str, (store.length(record), chunks, record.stored, record.version))))
    widths = [max(map(len, column)) for column in zip(*rows)]
    for name, type, *numbers in rows:
        print(f"{name:{widths[0]}}  {type:{widths[1]}}", *(f"{n:>{w}}" for n, w in zip(numbers, widths[2:])), sep="  ")


def print_snapshots(store):
    for label, snapshot in sorted(store.snapshots.items(), key=lambda item: item[1].generation):
        print(f"{shown(label)}\t{snapshot.generation}\t{snapshot.time}\t{snapshot.names}")


def print_check(store):
    check = Check(store)
    for damage in check.damages:
        print(f"{shown(store.path)}: {damage}")
    print(f"{shown(store.path)}: {check}: {f'{len(check.damages)} damages' if check.damages else 'sound'}")
    return 3 if check.damages else 0


def run(options, path):
    try:
        store = Store(path, options.snapshot)
        if options.check:
            return print_check(store)
        if options.name is not None:
            write_elements(store, store.find(options.name, options.version), not options.raw, sys.stdout.buffer)
        elif options.digest:
            print_digests(store, options.versions, options.at_most, f"{shown(path)}\t" if options.many else "")
        elif options.snapshots:
            print_snapshots(store)
        else:
            print_contents(store)
        return 0
    except BrokenPipeError:
        return 1
    except (Refused, Missing, Unknown, OSError, lmdb.ReadonlyError, lmdb.LockError) as caught:
        error, kind, status = caught, "", 1
    except Damage as caught:
        error, kind, status = caught, "damage: ", 3
    except lmdb.Error as caught:
        error, kind, status = caught, "damage: LMDB: ", 3
    object = f", '{shown(options.name)}'" if options.name is not None else ""
    print(f"reader.py: {shown(path)}{object}: {kind}{error}", file=sys.stderr)
    return status


def in_child(options, path):
    """LMDB trusts its own pages: damaged ones may end the process that reads them, which therefore is a child."""
    child = os.fork()
    if child == 0:
        status = run(options, path)
        with contextlib.suppress(BrokenPipeError):
            sys.stdout.flush()
        os._exit(status)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        print(f"reader.py: {shown(path)}: damage: LMDB was ended by signal {os.WTERMSIG(status)}", file=sys.stderr)
        return 3
    return os.WEXITSTATUS(status)


def main():
    parser = argparse.ArgumentParser(prog="reader.py", description="Reads a ufostore file, as FORMAT.md says.")
    parser.add_argument("path")
    parser.add_argument("name", nargs="*", help="of an object; with --check, further files")
    for flag in ("--raw", "--text", "--digest", "--versions", "--check", "--snapshots"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("--snapshot")
    parser.add_argument("--version", type=int)
    parser.add_argument("--at-most", type=int)
    options = parser.parse_args()
    paths = [options.path]
    if options.check or options.digest:
        paths, options.name = paths + options.name, []
    options.name, options.many = (options.name or [None])[0], len(paths) > 1
    sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
    return max([in_child(options, path) for path in paths])


if __name__ == "__main__":
    sys.exit(main())
