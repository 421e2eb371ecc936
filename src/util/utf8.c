#include "util/utf8.h"

#include <stdint.h>

bool ufo_utf8_is_text(const char *bytes, size_t length) {
  const unsigned char *at = (const unsigned char *)bytes, *end = at + length;
  while (at < end) {
    unsigned char lead = *at++;
    if (lead == 0) return false;
    if (lead < 0x80) continue;
    /* The value of the lead byte, how many bytes follow, and the least code point that needs as many. */
    uint32_t point, least;
    int follow;
    if (lead >= 0xC2 && lead <= 0xDF) {
      point = lead & 0x1F, follow = 1, least = 0x80;
    } else if ((lead & 0xF0) == 0xE0) {
      point = lead & 0x0F, follow = 2, least = 0x800;
    } else if (lead >= 0xF0 && lead <= 0xF4) {
      point = lead & 0x07, follow = 3, least = 0x10000;
    } else {
      return false;
    }
    if (end - at < follow) return false;
    for (; follow > 0; follow--, at++) {
      if ((*at & 0xC0) != 0x80) return false;
      point = point << 6 | (*at & 0x3F);
    }
    if (point < least || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) return false;
  }
  return true;
}
