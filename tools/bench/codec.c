/* codec.c - decoding of what was shuffled, which takes a pass more than LZ4 alone. */
#include "cases.h"
#include "cli/cli.h"
#include "clock.h"
#include "sources.h"

#include <fcntl.h>
#include <lz4.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { READ, COPY, LZ4, DECODE };
enum { PIECE_CHUNKS = 32, PAGE = 4096 };

static const series_spec series[] = {
    [READ] = {"ufostore", ROLE_FIGURE, "GB/s", "ufo_store_read() in pieces of 2 MiB, checksums verified"},
    [COPY] = {"lz4_copy", ROLE_LIMIT, "GB/s", "pread() of the same packed chunks, LZ4, and one memcpy() of each"},
    [LZ4] = {"lz4", ROLE_MORE, "GB/s", "LZ4 alone, memory to one buffer"},
    [DECODE] = {"decode", ROLE_MORE, "GB/s", "one thread decodes the same chunks, memory to one buffer, no checksum"},
    {0},
};
static const goal_spec goals[] = {{"read / (pread, LZ4, memcpy)", READ, COPY, false, 0.8}, {0}};

typedef struct state {
  sources s;
  int fd;            /* the packed chunks, each from a page on */
  uint8_t *piece;    /* PIECE_CHUNKS chunks */
  uint8_t *packed;   /* one chunk */
  uint64_t *offsets; /* in the file */
} state;

static ufo_status write_packed(workspace *w, state *s, ufo_error *error) {
  char path[PATH_MAX];
  const pack *p = &s->s.packed;
  workspace_path(w, "packed", path);
  s->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (s->fd < 0) return set_errno(error, "%s: cannot make", path);
  unlink(path);
  uint64_t at = 0;
  for (uint64_t i = 0; i < p->chunk_count; i++) {
    ufo_status status = workspace_check(w, error);
    if (status) return status;
    s->offsets[i] = at;
    if (pwrite(s->fd, p->chunks[i], p->lengths[i], (off_t)at) != (ssize_t)p->lengths[i])
      return set_errno(error, "%s: cannot write", path);
    at += (p->lengths[i] + PAGE - 1) / PAGE * PAGE;
  }
  return UFO_OK;
}

static ufo_status prepare(workspace *w, const bench_case *self, void **state_out, ufo_error *error) {
  (void)self;
  state *s = calloc(1, sizeof *s);
  *state_out = s;
  if (!s) return set_error(error, UFO_FULL, "no memory");
  s->fd = -1;
  ufo_status status = sources_open(w, DATA_READINGS, &s->s, error);
  if (status) return status;
  s->piece = malloc((size_t)PIECE_CHUNKS * PACK_CHUNK_BYTES);
  s->packed = malloc((size_t)LZ4_compressBound(PACK_CHUNK_BYTES));
  s->offsets = calloc(s->s.packed.chunk_count + 1, sizeof *s->offsets);
  if (!s->piece || !s->packed || !s->offsets) return set_error(error, UFO_FULL, "no memory");
  memset(s->piece, 1, (size_t)PIECE_CHUNKS * PACK_CHUNK_BYTES);
  if (s->s.packed.codec != UFO_CODEC_SHUFFLE_LZ4)
    return set_error(error, UFO_CORRUPT, "the store shuffled less than expected: codec %s",
                     ufo_codec_name(s->s.packed.codec));
  return write_packed(w, s, error);
}

static ufo_status read_store(state *s, double *out, ufo_error *error) {
  const dataset *set = s->s.set;
  const uint64_t units = PACK_CHUNK_BYTES / sizeof(double), most = PIECE_CHUNKS * units;
  double sum = 0;
  uint64_t begin = now_ns(), checked = 0;
  for (uint64_t at = 0; at < set->count; at += most) {
    uint64_t count = set->count - at < most ? set->count - at : most;
    ufo_status status = ufo_store_read(s->s.store, NULL, DATASET_NAME, 0, at, count, s->piece, error);
    if (status) return status;
    const double *values = (const double *)(const void *)s->piece;
    sum += values[count - 1] - data_at(set->kind, at + count - 1);
    checked++;
  }
  *out = gb_per_s(set->bytes, now_ns() - begin);
  return checked && sum == 0 ? UFO_OK : set_error(error, UFO_CORRUPT, "what was read is not what was stored");
}

/* From the file and with a copy; or from memory and without. */
static ufo_status decode_lz4(state *s, bool copied, double *out, ufo_error *error) {
  const pack *p = &s->s.packed;
  uint64_t begin = now_ns();
  for (uint64_t i = 0; i < p->chunk_count; i++) {
    const uint8_t *source = p->chunks[i];
    if (copied) {
      if (pread(s->fd, s->packed, p->lengths[i], (off_t)s->offsets[i]) != (ssize_t)p->lengths[i])
        return set_errno(error, "cannot read the packed chunks");
      source = s->packed;
    }
    int length =
        LZ4_decompress_safe((const char *)source, (char *)s->s.buffer->planes, (int)p->lengths[i], PACK_CHUNK_BYTES);
    if (length != PACK_CHUNK_BYTES) return set_error(error, UFO_CORRUPT, "a packed chunk cannot be decoded");
    if (copied) memcpy(s->piece + i % PIECE_CHUNKS * PACK_CHUNK_BYTES, s->s.buffer->planes, PACK_CHUNK_BYTES);
  }
  *out = gb_per_s(p->chunk_count * PACK_CHUNK_BYTES, now_ns() - begin);
  return UFO_OK;
}

static ufo_status run(workspace *w, void *argument, round_samples *round, ufo_error *error) {
  (void)w;
  state *s = argument;
  ufo_status status = read_store(s, &round->sample[READ], error);
  if (!status) status = decode_lz4(s, true, &round->sample[COPY], error);
  if (!status) status = decode_lz4(s, false, &round->sample[LZ4], error);
  if (!status) status = sources_decode_all(&s->s, &round->sample[DECODE], error);
  return status;
}

static void finish(workspace *w, void *argument, result *r) {
  (void)w, (void)r;
  state *s = argument;
  if (!s) return;
  if (s->fd >= 0) close(s->fd);
  sources_close(&s->s);
  free(s->piece);
  free(s->packed);
  free(s->offsets);
  free(s);
}

const bench_case case_codec = {.name = "codec",
                               .title = "reading shuffled doubles, one thread, no page faults",
                               .series = series,
                               .goals = goals,
                               .prepare = prepare,
                               .run = run,
                               .finish = finish};
