/* The names of types and codecs, as the command line and R show them. */
#include <ufostore/store.h>

#include <string.h>

static const struct {
  const char *name;
  uint32_t bytes;
} types[] = {
    [UFO_LOGICAL] = {"logical", 4},
    [UFO_INTEGER] = {"integer", 4},
    [UFO_DOUBLE] = {"double", 8},
    [UFO_COMPLEX] = {"complex", 16},
    [UFO_RAW] = {"raw", 1},
    [UFO_RECORD] = {"record", 0},
    [UFO_LIST] = {"list", 0},
    [UFO_SERIALIZED] = {"serialized", 1},
    [UFO_CHARACTER] = {"character", 0},
};
#define TYPE_END ((int)(sizeof types / sizeof *types))

static const char *const codec_names[UFO_CODEC_COUNT] = {
    [UFO_CODEC_ZERO] = "zero",
    [UFO_CODEC_CONSTANT] = "constant",
    [UFO_CODEC_RAW] = "raw",
    [UFO_CODEC_LZ4] = "lz4",
    [UFO_CODEC_SHUFFLE_LZ4] = "shuffle+lz4",
    [UFO_CODEC_DELTA_SHUFFLE_LZ4] = "delta+shuffle+lz4",
};

/* Enumerations may hold any value that a file or a caller put there, so they are compared as int. */
static int is_type(int type) { return type >= UFO_LOGICAL && type < TYPE_END; }

const char *ufo_type_name(ufo_type type) { return is_type((int)type) ? types[type].name : NULL; }

ufo_type ufo_type_from_name(const char *name) {
  for (int type = UFO_LOGICAL; name && type < TYPE_END; type++)
    if (strcmp(types[type].name, name) == 0) return (ufo_type)type;
  return (ufo_type)0;
}

uint32_t ufo_type_bytes(ufo_type type) { return is_type((int)type) ? types[type].bytes : 0; }

const char *ufo_damage_kind_name(ufo_damage_kind kind) {
  static const char *const names[] = {"store", "name", "object", "attributes", "element", "chunk"};
  unsigned number = (unsigned)kind;
  return number < sizeof names / sizeof *names ? names[number] : "unknown";
}

const char *ufo_codec_name(ufo_codec codec) {
  int number = (int)codec;
  if (codec == UFO_CODEC_LOST) return "lost";
  return number >= 0 && number < UFO_CODEC_COUNT ? codec_names[number] : NULL;
}
