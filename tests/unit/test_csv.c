/* CSV: types that are found and asked for, what is refused, progress that stops, and elements as text. What the format
 * is:
 * ../cli/csv.sh; random files: ../fuzz/fuzz_csv.c; tables from R and back: bindings/r/tests. */
#include "one_store.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <ufostore/csv.h>
#include <ufostore/text.h>

TestSuite(csv, .init = store_make, .fini = store_end, .timeout = 60);

static int file_of(const char *text) {
  int fd = memfd_create("csv", MFD_CLOEXEC);
  cr_assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
  return fd;
}

/* Imports the file as "t". */
static ufo_status import_file(int fd, const ufo_csv_options *options) {
  ufo_csv *csv = NULL;
  ufo_txn *txn = NULL;
  ufo_status status = ufo_csv_scan(fd, "test.csv", options, NULL, NULL, &csv, &error);
  if (!status) status = ufo_txn_begin(store, &txn, &error);
  if (!status) status = ufo_csv_load(csv, txn, "t", NULL, NULL, &error);
  if (!status) status = ufo_txn_commit(txn, &error);
  else ufo_txn_abort(txn);
  ufo_csv_free(csv);
  close(fd);
  return status;
}

static ufo_status import(const char *text, const ufo_csv_options *options) {
  return import_file(file_of(text), options);
}

static const char *class_of(const char *name) {
  static char class[64];
  ufo_attributes *attributes = NULL;
  ufo_attribute found;
  uint32_t length;
  class[0] = 0;
  OK(ufo_store_attributes(store, NULL, name, 0, &attributes, &error));
  if (ufo_attributes_find(attributes, "class", &found)) {
    const char *first = ufo_attributes_string(&found, 0, &length);
    snprintf(class, sizeof class, "%.*s", (int)length, first);
  }
  ufo_attributes_free(attributes);
  return class;
}

Test(csv, types_are_found_and_asked_for) {
  const ufo_csv_column columns[] = {{"big", 0, UFO_CSV_INTEGER64}, {NULL, 1, UFO_CSV_FACTOR}, {"no", 0, UFO_CSV_SKIP}};
  const ufo_csv_options options = {.struct_size = sizeof options, .columns = columns, .column_count = 3};
  const char *text = "i,f,big,day,time,no\n1,u,9007199254740993,2020-02-29,1970-01-02T00:00:00.5Z,x\n"
                     ",v,-5,,1970-01-01 00:00,x\n3,u,,1970-01-01,,x\n";
  int32_t whole[3];
  int64_t large[3];
  double days[3], seconds[3];
  ufo_object_info info = {.struct_size = sizeof info};
  OK(import(text, &options));
  OK(ufo_store_info(store, NULL, "t", 0, &info, &error));
  cr_expect_eq(info.length, 5);
  OK(ufo_store_read(store, NULL, "t$i", 0, 0, 3, whole, &error));
  cr_expect(whole[0] == 1 && whole[1] == INT32_MIN && whole[2] == 3);
  OK(ufo_store_read(store, NULL, "t$f", 0, 0, 3, whole, &error));
  cr_expect(whole[0] == 1 && whole[1] == 2 && whole[2] == 1);
  cr_expect_str_eq(class_of("t$f"), "factor");
  OK(ufo_store_read(store, NULL, "t$big", 0, 0, 3, large, &error));
  cr_expect(large[0] == INT64_C(9007199254740993) && large[1] == -5 && large[2] == INT64_MIN);
  cr_expect_str_eq(class_of("t$big"), "integer64");
  OK(ufo_store_read(store, NULL, "t$day", 0, 0, 3, days, &error));
  cr_expect(days[0] == 18321 && isnan(days[1]) && days[2] == 0);
  cr_expect_str_eq(class_of("t$day"), "Date");
  OK(ufo_store_read(store, NULL, "t$time", 0, 0, 3, seconds, &error));
  cr_expect(seconds[0] == 86400.5 && seconds[1] == 0 && isnan(seconds[2]));
  cr_expect_str_eq(class_of("t$time"), "POSIXct");
}

Test(csv, what_is_asked_for_must_fit) {
  const ufo_csv_options whole = {.struct_size = sizeof whole, .all_type = UFO_CSV_INTEGER};
  const ufo_csv_column column = {.index = 7, .type = UFO_CSV_DOUBLE};
  const ufo_csv_options beyond = {.struct_size = sizeof beyond, .columns = &column, .column_count = 1};
  const ufo_csv_options marks = {.struct_size = sizeof marks, .delimiter = ',', .decimal = ','};
  const ufo_csv_options none = {.struct_size = sizeof none, .all_type = UFO_CSV_SKIP};
  const ufo_csv_options newer = {.struct_size = sizeof newer + 8};
  cr_expect_eq(import("x\n1\n1.5\n", &whole), UFO_USAGE);
  cr_expect(strstr(error.message, "'test.csv', line 3, field 1: '1.5' is no integer"), "%s", error.message);
  cr_expect_eq(import("x\n1\n", &beyond), UFO_USAGE);
  cr_expect_eq(import("x\n1\n", &marks), UFO_USAGE);
  cr_expect_eq(import("x\n1\n", &none), UFO_USAGE);
  cr_expect_eq(import("x\n1\n", &newer), UFO_USAGE);
  cr_expect_eq(import("", NULL), UFO_USAGE);
  ufo_object_info info = {.struct_size = sizeof info};
  cr_expect_eq(ufo_store_info(store, NULL, "t", 0, &info, &error), UFO_MISSING);
}

Test(csv, what_is_missing_may_have_blanks_itself) {
  const char *const na[] = {"", "none ", "-"};
  const ufo_csv_options options = {.struct_size = sizeof options, .na = na, .na_count = 3};
  int32_t numbers[4];
  OK(import("x,y\n1,a\nnone ,none \n - ,\" -\"\n4,d\n", &options));
  OK(ufo_store_read(store, NULL, "t$x", 0, 0, 4, numbers, &error));
  cr_expect(numbers[0] == 1 && numbers[1] == INT32_MIN && numbers[2] == INT32_MIN && numbers[3] == 4);
}

/* What is wrong is told of the first line that has it, wherever it stands among others. */
Test(csv, the_first_misfit_of_the_file_is_named) {
  const ufo_csv_options whole = {.struct_size = sizeof whole, .all_type = UFO_CSV_INTEGER};
  cr_expect_eq(import("x,y,z\n1,2,3\n4,5,a\n6,b,c\nd,e,f\n", &whole), UFO_USAGE);
  cr_expect(strstr(error.message, "line 3, field 3: 'a'"), "%s", error.message);
  cr_expect_eq(import("x,y,z\n1,2,3\n4,5,a\n6,b,c\n1,2\n", &whole), UFO_USAGE);
  cr_expect(strstr(error.message, "line 3, field 3: 'a'"), "%s", error.message);
  cr_expect_eq(import("x,y\n1,2\n\n1,2,3\n4,5,\"\n", NULL), UFO_USAGE);
  cr_expect(strstr(error.message, "line 4: 3 fields where the header has 2"), "%s", error.message);
  cr_expect_eq(import("x,y\n1,2\n\"a\nb\",2\n4,\"5\n\"6\n", NULL), UFO_USAGE);
  cr_expect(strstr(error.message, "line 6, field 2: text after a closing quote"), "%s", error.message);
}

static int check_piece(void *user, uint64_t index, const ufo_string *string) {
  cr_assert_eq(string->length, ((const size_t *)user)[index]);
  for (size_t j = 0; j < string->length; j++)
    cr_assert_eq(string->bytes[j], j % 100 == 99 ? '"' : j % 100 == 50 ? '\n' : 'x');
  return 0;
}

/* Records that are longer than what is read at a time, among short ones. */
Test(csv, records_of_any_length) {
  enum { LONG = 900000, ROWS = 40 };
  char *text = malloc((size_t)ROWS * (LONG + 64)), *at = stpcpy(text, "n,text\n");
  size_t lengths[ROWS] = {0};
  for (int i = 0; i < ROWS; i++) {
    at += sprintf(at, "%d,\"", i);
    for (size_t j = 0; j < (i % 7 ? 5 : (size_t)LONG); j++) {
      const char *piece = j % 100 == 99 ? "\"\"" : j % 100 == 50 ? "\n" : "x";
      at = stpcpy(at, piece);
      lengths[i]++;
    }
    at = stpcpy(at, i % 2 ? "\"\r\n" : "\"\n");
  }
  OK(import(text, NULL));
  OK(ufo_text_read(store, NULL, "t$text", 0, 0, ROWS, check_piece, lengths, &error));
  free(text);
}

/* A file in UTF-16 with its mark; `units` may be no text. */
static int utf16_file(const uint16_t *units, size_t count, bool big_endian, size_t cut) {
  unsigned char *bytes = malloc(2 * count + 2);
  int fd = memfd_create("utf16", MFD_CLOEXEC);
  for (size_t i = 0; i <= count; i++) {
    uint16_t unit = i ? units[i - 1] : 0xFEFF;
    bytes[2 * i] = (unsigned char)(big_endian ? unit >> 8 : unit);
    bytes[2 * i + 1] = (unsigned char)(big_endian ? unit : unit >> 8);
  }
  cr_assert(bytes && fd >= 0 && write(fd, bytes, 2 * count + 2 - cut) == (ssize_t)(2 * count + 2 - cut));
  free(bytes);
  return fd;
}

Test(csv, files_in_utf16_are_those_of_utf8) {
  const uint16_t text[] = {'x', '\n', 'a', '\n', 0xE9, 0x65E5, '\n', 0xD83D, 0xDE00, '\r', '\n'};
  enum { COUNT = sizeof text / sizeof *text };
  for (int big_endian = 0; big_endian < 2; big_endian++) {
    ufo_object_info info = {.struct_size = sizeof info};
    OK(import_file(utf16_file(text, COUNT, big_endian, 0), NULL));
    OK(ufo_store_info(store, NULL, "t$x", 0, &info, &error));
    cr_expect_eq(info.length, 3);
    cr_expect_eq(import_file(utf16_file(text, COUNT, big_endian, 1), NULL), UFO_USAGE);
    cr_expect(strstr(error.message, "ends within a character"), "%s", error.message);
    cr_expect_eq(import_file(utf16_file(text, COUNT - 3, big_endian, 0), NULL), UFO_USAGE);
    cr_expect_eq(import_file(utf16_file(text + 8, 2, big_endian, 0), NULL), UFO_USAGE);
    cr_expect(strstr(error.message, "half of a surrogate pair"), "%s", error.message);
    cr_expect_eq(import_file(utf16_file(text, 0, big_endian, 0), NULL), UFO_USAGE);
    cr_expect(strstr(error.message, "is empty"), "%s", error.message);
  }
  /* Characters that lie across what is read at a time. */
  enum { ROWS = 150000 };
  uint16_t *units = malloc((4 * ROWS + 3) * sizeof *units);
  size_t at = 0;
  units[at++] = 'x', units[at++] = 'y', units[at++] = '\n';
  for (int i = 0; i < ROWS; i++) units[at++] = 0xD83D, units[at++] = 0xDE00 + i % 64, units[at++] = '\n';
  ufo_object_info info = {.struct_size = sizeof info};
  OK(import_file(utf16_file(units, at, false, 0), NULL));
  OK(ufo_store_info(store, NULL, "t$xy", 0, &info, &error));
  cr_expect_eq(info.length, ROWS);
  free(units);
}

static int stop_at(void *user, uint64_t done, uint64_t total) {
  cr_assert(done <= total);
  return done > *(const uint64_t *)user;
}

Test(csv, progress_stops_either_pass) {
  enum { ROWS = 200000 };
  char *text = malloc(10 * ROWS + 3);
  size_t at = (size_t)sprintf(text, "x\n");
  for (int i = 0; i < ROWS; i++) at += (size_t)sprintf(text + at, "%d\n", 100000000 + i);
  int fd = file_of(text);
  free(text);
  ufo_csv *csv = NULL;
  ufo_txn *txn = NULL;
  uint64_t limit = at / 2;
  cr_expect_eq(ufo_csv_scan(fd, "long.csv", NULL, stop_at, &limit, &csv, &error), UFO_END);
  cr_expect_null(csv);
  limit = at + at / 2;
  OK(ufo_csv_scan(fd, "long.csv", NULL, stop_at, &limit, &csv, &error));
  cr_expect_eq(ufo_csv_rows(csv), ROWS);
  cr_expect_eq(ufo_csv_columns(csv, UFO_CSV_INTEGER), 1);
  cr_expect_eq(ufo_csv_columns(csv, UFO_CSV_GUESS), 1);
  OK(ufo_txn_begin(store, &txn, &error));
  cr_expect_eq(ufo_csv_load(csv, txn, "t", stop_at, &limit, &error), UFO_END);
  ufo_txn_abort(txn);
  /* A file that is another by then. */
  cr_assert(ftruncate(fd, (off_t)at / 2) == 0);
  OK(ufo_txn_begin(store, &txn, &error));
  cr_expect_eq(ufo_csv_load(csv, txn, "t", NULL, NULL, &error), UFO_IO);
  ufo_txn_abort(txn);
  ufo_csv_free(csv);
  close(fd);
}

Test(csv, elements_as_text) {
  char text[UFO_CSV_ELEMENT_BYTES];
  ufo_csv_format_logical(text, INT32_MIN);
  cr_expect_str_eq(text, "NA");
  ufo_csv_format_integer(text, -2147483647);
  cr_expect_str_eq(text, "-2147483647");
  ufo_csv_format_integer64(text, INT64_MAX);
  cr_expect_str_eq(text, "9223372036854775807");
  ufo_csv_format_double(text, 0.1);
  cr_expect_str_eq(text, "0.1");
  ufo_csv_format_double(text, NAN);
  cr_expect_str_eq(text, "NaN");
  ufo_csv_format_date(text, -719528);
  cr_expect_str_eq(text, "0000-01-01");
  ufo_csv_format_date(text, -719529 - 366);
  cr_expect_str_eq(text, "-0002-12-30");
  ufo_csv_format_date(text, 2932897);
  cr_expect_str_eq(text, "10000-01-01");
  ufo_csv_format_time(text, 1362028500.25);
  cr_expect_str_eq(text, "2013-02-28T05:15:00.25Z");
  ufo_csv_format_time(text, -1e-6);
  cr_expect_str_eq(text, "1969-12-31T23:59:59.999999Z");
  ufo_csv_format_time(text, 253402300800);
  cr_expect_str_eq(text, "10000-01-01T00:00:00Z");
}

/* What ufo_csv_format_double() promises, by the C library. */
static void expect_fewest_digits(double value) {
  char text[UFO_CSV_ELEMENT_BYTES], expected[UFO_CSV_ELEMENT_BYTES];
  for (int digits = fabs(value) < DBL_MIN ? 1 : 15; digits <= 17; digits++) {
    snprintf(expected, sizeof expected, "%.*g", digits, value);
    if (strtod(expected, NULL) == value) break;
  }
  size_t length = ufo_csv_format_double(text, value);
  cr_assert(length == strlen(expected) && strcmp(text, expected) == 0, "%a: %s, not %s", value, text, expected);
}

static void expect_fewest_digits_around(double value) {
  expect_fewest_digits(value);
  expect_fewest_digits(-nextafter(value, 0));
  if (value < DBL_MAX) expect_fewest_digits(nextafter(value, DBL_MAX));
}

Test(csv, doubles_have_the_fewest_digits_that_give_them_back) {
  uint64_t state = 88172645463325252;
  for (int exponent = -1074; exponent <= 1023; exponent++) expect_fewest_digits_around(ldexp(1, exponent));
  for (int exponent = -323; exponent <= 308; exponent++) {
    for (int digit = 1; digit <= 9; digit++) {
      char text[32];
      snprintf(text, sizeof text, "%de%d", digit, exponent);
      double value = strtod(text, NULL);
      if (isfinite(value)) expect_fewest_digits_around(value);
    }
  }
  for (int i = 0; i < 40000; i++) {
    double value;
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    memcpy(&value, &state, sizeof value);
    if (isfinite(value)) expect_fewest_digits(value);
    /* Those that data are made of: of the usual size, with few bits, with few digits. */
    uint64_t bits = (state & UINT64_C(0x800FFFFFFFFFFFFF)) | (1023 - 60 + state % 191) << 52;
    memcpy(&value, &bits, sizeof value);
    expect_fewest_digits(value);
    bits &= UINT64_MAX << state % 52;
    memcpy(&value, &bits, sizeof value);
    expect_fewest_digits(value);
    expect_fewest_digits((double)(int64_t)state / pow(10, (double)(state % 25)));
    expect_fewest_digits((double)(state % 1000000000) / pow(10, (double)(state % 13)));
  }
}

/* As text, on the way back. */
static void expect_as_strtod(const char *text) {
  double number;
  char file[128];
  snprintf(file, sizeof file, "x\n%s\n", text);
  const ufo_csv_options doubles = {.struct_size = sizeof doubles, .all_type = UFO_CSV_DOUBLE};
  OK(import(file, &doubles));
  OK(ufo_store_read(store, NULL, "t$x", 0, 0, 1, &number, &error));
  double expected = strtod(text, NULL);
  cr_expect(memcmp(&number, &expected, sizeof number) == 0, "%s was read as %.17g", text, number);
}

/* A file of numbers, and what strtod makes of each. */
Test(csv, digits_become_the_double_next_to_them) {
  enum { COUNT = 60000, WIDTH = 48 };
  char *file = malloc(COUNT * WIDTH), (*texts)[WIDTH] = malloc(COUNT * sizeof *texts);
  double *numbers = malloc(COUNT * sizeof *numbers);
  uint64_t state = 88172645463325252;
  char *at = stpcpy(file, "x\n");
  for (int i = 0; i < COUNT; i++) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    double value;
    uint64_t bits = (state & UINT64_C(0x800FFFFFFFFFFFFF)) | (1023 - 70 + state % 141) << 52;
    memcpy(&value, &bits, sizeof value);
    int digits = 14 + (int)(state >> 20) % 8; /* up to more than are taken as they are */
    if (i % 3 == 0) snprintf(texts[i], WIDTH, "%.*g", digits, value);
    if (i % 3 == 1)
      snprintf(texts[i], WIDTH, "%llue%d", (unsigned long long)state >> state % 50, (int)(state % 61) - 30);
    /* Half way between two doubles: m + 1/2 with m of 53 bits. */
    if (i % 3 == 2) snprintf(texts[i], WIDTH, "%llu.5", (unsigned long long)(state >> 12 | UINT64_C(1) << 52));
    at = stpcpy(stpcpy(at, texts[i]), "\n");
  }
  const ufo_csv_options doubles = {.struct_size = sizeof doubles, .all_type = UFO_CSV_DOUBLE};
  OK(import(file, &doubles));
  OK(ufo_store_read(store, NULL, "t$x", 0, 0, COUNT, numbers, &error));
  for (int i = 0; i < COUNT; i++) {
    double expected = strtod(texts[i], NULL);
    cr_assert(memcmp(&numbers[i], &expected, sizeof expected) == 0, "%s was read as %.17g", texts[i], numbers[i]);
  }
  free(numbers);
  free(texts);
  free(file);
  const char *const few[] = {"0",
                             "-0",
                             "00.5",
                             "9007199254740993",
                             "9223372036854775807e-27",
                             "1e22",
                             "1e23",
                             "1e27",
                             "18446744073709551615",
                             "9999999999999999999e27",
                             "1e-400",
                             "4.9e-324",
                             "1.7e308",
                             "123456789012345678e-1",
                             "0.000000000000000000001",
                             "1e99999999",
                             "-1e99999999",
                             "12345678901234567890123456789"};
  for (size_t i = 0; i < sizeof few / sizeof *few; i++) expect_as_strtod(few[i]);
}

/* The folder of a locale for numbers whose decimal mark is a comma: LC_NUMERIC as glibc's localedef writes it. */
static void use_comma_locale(void) {
  static const unsigned char numeric[] = {
      0x14, 0x11, 0x03, 0x20, 6,   0, 0,   0, 32, 0, 0, 0, 34,  0, 0, 0, 36,  0, 0, 0, 40,  0,   0,   0,   44,  0, 0, 0,
      48,   0,    0,    0,    ',', 0, '.', 0, 3,  3, 0, 0, ',', 0, 0, 0, '.', 0, 0, 0, 'U', 'T', 'F', '-', '8', 0};
  cr_assert(mkdir(in_folder("comma"), 0700) == 0);
  FILE *file = fopen(in_folder("comma/LC_NUMERIC"), "wb");
  cr_assert(file && fwrite(numeric, sizeof numeric, 1, file) == 1 && fclose(file) == 0);
  cr_assert(setenv("LOCPATH", in_folder("."), 1) == 0);
  cr_assert(setlocale(LC_NUMERIC, "comma"));
  cr_assert_eq(localeconv()->decimal_point[0], ',');
}

Test(csv, numbers_do_not_depend_on_the_locale_of_the_program) {
  char text[UFO_CSV_ELEMENT_BYTES];
  double numbers[2];
  use_comma_locale();
  OK(import("x\n1.23456789012345678\n-3.25e-300\n", NULL));
  OK(ufo_store_read(store, NULL, "t$x", 0, 0, 2, numbers, &error));
  cr_expect_eq(numbers[0], 1.23456789012345678);
  cr_expect_eq(numbers[1], -3.25e-300);
  ufo_csv_format_double(text, 1.0 / 3);
  cr_expect_str_eq(text, "0.3333333333333333");
  ufo_csv_format_double(text, 1.5e300);
  cr_expect_str_eq(text, "1.5e+300");
  cr_expect_eq(localeconv()->decimal_point[0], ',');
}
