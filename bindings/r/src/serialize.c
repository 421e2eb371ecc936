/* serialize.c - streams between R's serialization and the library. */
#include "serialize.h"

#include "condition.h"
#include "view.h"

#include <string.h>

#define BUFFER_BYTES (256 * 1024)
#define SERIALIZE_VERSION 3

/* ---- writing ---------------------------------------------------------------------------------------------------- */

struct out {
  ufo_writer *writer;
  ufo_error *error;
  ufo_status status; /* after a failure the rest is discarded: R_Serialize cannot be told to stop */
  size_t used;
  char *buffer;
};

static void flush(struct out *out) {
  if (out->status == UFO_OK && out->used > 0)
    out->status = ufo_writer_write(out->writer, out->buffer, out->used, out->error);
  out->used = 0;
  R_CheckUserInterrupt();
}

static void out_bytes(R_outpstream_t stream, void *data, int length) {
  struct out *out = stream->data;
  const char *source = data;
  while (length > 0) {
    size_t room = BUFFER_BYTES - out->used;
    size_t piece = (size_t)length < room ? (size_t)length : room;
    memcpy(out->buffer + out->used, source, piece);
    out->used += piece;
    source += piece;
    length -= (int)piece;
    if (out->used == BUFFER_BYTES) flush(out);
  }
}

static void out_char(R_outpstream_t stream, int character) {
  char byte = (char)character;
  out_bytes(stream, &byte, 1);
}

ufo_status ufor_serialize(SEXP value, ufo_writer *writer, ufo_error *error) {
  struct out out = {.writer = writer, .error = error, .status = UFO_OK, .buffer = R_alloc(BUFFER_BYTES, 1)};
  struct R_outpstream_st stream;
  R_InitOutPStream(&stream, (R_pstream_data_t)&out, R_pstream_xdr_format, SERIALIZE_VERSION, out_char, out_bytes, NULL,
                   R_NilValue);
  R_Serialize(value, &stream);
  flush(&out);
  return out.status;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

struct in {
  const ufor_view *view;
  uint64_t next; /* the first byte not yet in the buffer */
  size_t begin, end;
  char *buffer;
};

static int copy_piece(void *user) {
  struct in *in = user;
  memcpy(in->buffer, (const char *)in->view->data + in->next, in->end);
  return 0;
}

static void refill(struct in *in) {
  uint64_t rest = (uint64_t)in->view->length - in->next;
  if (rest == 0) ufor_raise_format(UFO_CORRUPT, NULL, NULL, "A serialized object ends too early");
  in->begin = 0;
  in->end = rest < BUFFER_BYTES ? (size_t)rest : BUFFER_BYTES;
  ufo_error error;
  if (ufo_guarded(ufo_view_region(in->view->view), copy_piece, in, NULL, &error) != UFO_OK)
    ufor_raise(&error, NULL, NULL);
  in->next += in->end;
}

static void in_bytes(R_inpstream_t stream, void *data, int length) {
  struct in *in = stream->data;
  char *target = data;
  while (length > 0) {
    if (in->begin == in->end) refill(in);
    size_t have = in->end - in->begin;
    size_t piece = (size_t)length < have ? (size_t)length : have;
    memcpy(target, in->buffer + in->begin, piece);
    in->begin += piece;
    target += piece;
    length -= (int)piece;
  }
}

static int in_char(R_inpstream_t stream) {
  unsigned char byte;
  in_bytes(stream, &byte, 1);
  return byte;
}

SEXP ufor_unserialize(SEXP shell) {
  struct in in = {.view = ufor_view_in(shell), .buffer = R_alloc(BUFFER_BYTES, 1)};
  struct R_inpstream_st stream;
  R_InitInPStream(&stream, (R_pstream_data_t)&in, R_pstream_any_format, in_char, in_bytes, NULL, R_NilValue);
  return R_Unserialize(&stream);
}

/* ---- one attribute ---------------------------------------------------------------------------------------------- */

SEXP ufor_serialize_raw(SEXP value) {
  SEXP quoted = PROTECT(Rf_lang2(R_QuoteSymbol, value));
  SEXP call = PROTECT(Rf_lang3(Rf_install("serialize"), quoted, R_NilValue));
  SEXP raw = Rf_eval(call, R_BaseEnv);
  UNPROTECT(2);
  return raw;
}

SEXP ufor_unserialize_raw(SEXP raw) {
  SEXP call = PROTECT(Rf_lang2(Rf_install("unserialize"), raw));
  SEXP value = Rf_eval(call, R_BaseEnv);
  UNPROTECT(1);
  return value;
}
