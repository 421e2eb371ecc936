/* stream.c - which touches come one after the other, so that what comes next can be there before it is touched.
 *
 * Only touches of absent chunks are seen. A stream is a place and a stride, of one chunk mostly; two threads that read
 * different parts of a region are two streams, and so are two places that one thread reads by turns. Where streams turn
 * out to be none, more touches in a row are asked for before the next is believed. */
#include "region/window.h"
#include "util/checked.h"

enum { PATIENCE_MIN = 3, PATIENCE_MAX = 64, RETURNS_MIN = 3, STRIDE_MAX = 256 };

/* How many touches in a row make a stream: a program that says it reads on is believed at once. */
static unsigned patience(const ufo_region *region) {
  if (atomic_load(&region->advice) == UFO_ADVICE_SEQUENTIAL) return 2;
  return region->patience ? region->patience : PATIENCE_MIN;
}

/* How well a touch continues a stream. */
enum continuation { NOT_AT_ALL, GUESS, NEIGHBOUR, GOES_ON };

/* What was asked for ahead may be passed without a
 * touch. A stride that was seen but once is no more than a guess, and a neighbour is the better one. */
static enum continuation follows(const ufo_stream *stream, uint64_t chunk, int64_t *stride_out) {
  int64_t step = (int64_t)(chunk - stream->chunk);
  bool guessed = stream->run == 2 && !ufo_stride_is_near(stream->stride);
  if (stream->run == 0 || step == 0) return NOT_AT_ALL;
  *stride_out = stream->stride;
  if (stream->run > 1 && step % stream->stride == 0 && step / stream->stride > 0 &&
      step / stream->stride <= (int64_t)stream->ahead + 1)
    return GOES_ON;
  *stride_out = step;
  if (ufo_stride_is_near(step) && (stream->run == 1 || guessed)) return NEIGHBOUR;
  return stream->run == 1 && step <= STRIDE_MAX && step >= -STRIDE_MAX ? GUESS : NOT_AT_ALL;
}

static ufo_stream *least_used(ufo_region *region) {
  ufo_stream *oldest = &region->streams[0];
  for (unsigned i = 1; i < UFO_STREAMS; i++)
    if (region->streams[i].used < oldest->used) oldest = &region->streams[i];
  return oldest;
}

int64_t ufo_stream_note(ufo_region *region, uint64_t chunk, unsigned near, unsigned far) {
  if (atomic_load(&region->advice) == UFO_ADVICE_RANDOM) return 0;
  region->touches++;
  ufo_stream *stream = NULL;
  int64_t stride = 0;
  enum continuation best = NOT_AT_ALL;
  for (unsigned i = 0; i < UFO_STREAMS; i++) {
    int64_t its;
    enum continuation good = follows(&region->streams[i], chunk, &its);
    if (good <= best) continue;
    best = good;
    stream = &region->streams[i];
    stride = its;
  }
  if (!stream) {
    stream = least_used(region);
    if (stream->ahead) ufo_stream_judge(region, false);
    *stream = (ufo_stream){.run = 1, .chunk = chunk, .used = region->touches};
    return 0;
  }
  bool known = best == GOES_ON, apart = !ufo_stride_is_near(stride);
  if (known && stream->ahead && chunk - stream->chunk != (uint64_t)stride) ufo_stream_judge(region, true);
  *stream = (ufo_stream){.run = known ? stream->run + 1 : 2,
                         .stride = stride,
                         .chunk = chunk,
                         .used = region->touches,
                         .written = stream->written};
  if (stream->run < patience(region) + apart) return 0;
  stream->ahead = apart ? far : near;
  return stride;
}

void ufo_stream_wrote(ufo_region *region, uint64_t chunk) {
  for (unsigned i = 0; i < UFO_STREAMS; i++) {
    ufo_stream *stream = &region->streams[i];
    if (stream->run && ufo_window_of(region, stream->chunk) == ufo_window_of(region, chunk)) stream->written++;
  }
}

/* Half of what it has passed is enough: what it did not write to is found out later. */
static bool writes_all(const ufo_region *region, const ufo_stream *stream, bool write) {
  uint64_t passed = ufo_min(stream->run, region->window_chunks);
  return stream->run >= PATIENCE_MIN && stream->written * 2 >= passed + !write;
}

bool ufo_stream_enter(ufo_region *region, uint64_t window, int direction, bool write, uint64_t *prove_out) {
  uint64_t first = ufo_window_first_chunk(region, window), last = first + region->window_chunks - 1;
  uint64_t entry = direction > 0 ? first : last, exit = direction > 0 ? last : first;
  ufo_stream *stream = NULL;
  for (unsigned i = 0; i < UFO_STREAMS && !stream; i++)
    if (region->streams[i].run && region->streams[i].chunk == entry - (uint64_t)(int64_t)direction)
      stream = &region->streams[i];
  bool known = stream != NULL;
  if (!stream) stream = least_used(region);
  bool writes = known && (stream->writes || writes_all(region, stream, write));
  *prove_out = UINT64_MAX;
  if (writes && stream->writes) { /* the chunk by which it came into the window before */
    uint64_t before = ufo_window_first_chunk(region, ufo_window_of(region, stream->chunk));
    *prove_out = direction > 0 ? before : before + region->window_chunks - 1;
  }
  region->touches++;
  *stream =
      (ufo_stream){.run = PATIENCE_MAX, .stride = direction, .chunk = exit, .used = region->touches, .writes = writes};
  return writes;
}

void ufo_stream_returned(ufo_region *region, bool before) {
  if (!before) region->returns = 0;
  else if (region->returns < RETURNS_MIN) region->returns++;
}

bool ufo_stream_returns(const ufo_region *region) { return region->returns == RETURNS_MIN; }

void ufo_stream_judge(ufo_region *region, bool used) {
  unsigned now = region->patience ? region->patience : PATIENCE_MIN;
  unsigned more = now * 2 > PATIENCE_MAX ? PATIENCE_MAX : now * 2;
  region->patience = used ? PATIENCE_MIN : more;
}
