#include "util/bytes.h"
#include "util/utf8.h"

#include <criterion/criterion.h>
#include <math.h>

Test(bytes, order_in_memory) {
  uint8_t at[9] = {0};
  ufo_put_le16(at + 1, 0x0102);
  cr_assert_arr_eq(at + 1, ((uint8_t[]){2, 1}), 2);
  ufo_put_le32(at + 1, 0x01020304);
  cr_assert_arr_eq(at + 1, ((uint8_t[]){4, 3, 2, 1}), 4);
  ufo_put_be32(at + 1, 0x01020304);
  cr_assert_arr_eq(at + 1, ((uint8_t[]){1, 2, 3, 4}), 4);
  ufo_put_le64(at + 1, UINT64_C(0x0102030405060708));
  cr_assert_arr_eq(at + 1, ((uint8_t[]){8, 7, 6, 5, 4, 3, 2, 1}), 8);
  ufo_put_be64(at + 1, UINT64_C(0x0102030405060708));
  cr_assert_arr_eq(at + 1, ((uint8_t[]){1, 2, 3, 4, 5, 6, 7, 8}), 8);
}

Test(bytes, what_was_put_is_got) {
  const uint64_t values[] = {0, 1, 0x7F, 0x80, 0xFFFF, 0x80000000, UINT32_MAX, UINT64_C(1) << 63, UINT64_MAX};
  uint8_t at[8];
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    uint64_t value = values[i];
    ufo_put_le16(at, (uint16_t)value);
    cr_assert_eq(ufo_get_le16(at), (uint16_t)value);
    ufo_put_le32(at, (uint32_t)value);
    cr_assert_eq(ufo_get_le32(at), (uint32_t)value);
    ufo_put_be32(at, (uint32_t)value);
    cr_assert_eq(ufo_get_be32(at), (uint32_t)value);
    ufo_put_le64(at, value);
    cr_assert_eq(ufo_get_le64(at), value);
    ufo_put_be64(at, value);
    cr_assert_eq(ufo_get_be64(at), value);
  }
}

Test(bytes, big_endian_keys_sort_as_numbers) {
  uint8_t low[8], high[8];
  ufo_put_be64(low, 255);
  ufo_put_be64(high, 256);
  cr_assert_lt(memcmp(low, high, 8), 0);
}

Test(bytes, doubles_keep_every_bit) {
  uint8_t at[8], again[8];
  ufo_put_le64(at, UINT64_C(0x7FF00000000007A2)); /* R's NA_real_ */
  ufo_put_le_f64(again, ufo_get_le_f64(at));
  cr_assert_arr_eq(at, again, 8);
  ufo_put_le_f64(at, -0.0);
  cr_assert(signbit(ufo_get_le_f64(at)));
  cr_assert_eq(at[7], 0x80);
}

Test(utf8, text_and_not) {
  const char *text[] = {"", "plain", "gr\xC3\xBC\xC3\x9F", "\xE2\x82\xAC", "\xF0\x9F\x9A\x80", "\xF4\x8F\xBF\xBF"};
  for (size_t i = 0; i < sizeof text / sizeof *text; i++)
    cr_expect(ufo_utf8_is_text(text[i], strlen(text[i])), "text %zu", i);
  const char *not_text[] = {"\x80", "\xC3",     "\xC0\xAF", "\xE0\x80\xAF",     "\xED\xA0\x80",    "\xF4\x90\x80\x80",
                            "\xFF", "\xE2\x82", "a\xC3z",   "\xF5\x80\x80\x80", "\xF0\x80\x80\xAF"};
  for (size_t i = 0; i < sizeof not_text / sizeof *not_text; i++)
    cr_expect_not(ufo_utf8_is_text(not_text[i], strlen(not_text[i])), "no text %zu", i);
  cr_expect_not(ufo_utf8_is_text("a\0b", 3));
}
