/* Weight files: there and back, and every kind of damage. */
#include "line_model.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_FILE = 4096 };
static const Values sample = {{1.5f, -2.25f, 3e-20f}, {0, 1, 2, -3}};
static char folder[64], path[96];

static size_t read_file_of_test(char *into)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(into, 1, MAX_FILE, f);
    fclose(f);
    return n;
}

static void write_file_of_test(const void *from, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(from, 1, n, f), n);
    fclose(f);
}

/* A file of this header, whose length goes before it, and so many zero bytes of data. */
static void write_header(const char *header, size_t data)
{
    char file[MAX_FILE] = {0};
    size_t n = strlen(header);
    for (int i = 0; i < 8; i++) file[i] = (char)(n >> (8 * i));
    memcpy(file + 8, header, n);
    write_file_of_test(file, 8 + n + data);
}

/* Loads into values that must stay as they are where the file is refused. */
static int32_t try_load(char *message, size_t size)
{
    Values v = {{9, 9, 9}, {9, 9, 9, 9}}, before = v;
    int32_t status = nnrt_load_params(&line_model, &v, path, message, size);
    if (status) assert_memory_equal(&v, &before, sizeof v);
    return status;
}

static void assert_refused(const char *header, size_t data, int32_t wanted, const char *part)
{
    char message[640];
    write_header(header, data);
    assert_int_equal(try_load(message, sizeof message), wanted);
    if (!strstr(message, part)) fail_msg("`%s` does not say `%s`", message, part);
}

static void test_there_and_back(void **state)
{
    nnrt_session *s;
    char file[MAX_FILE];
    (void)state;
    Values v = sample, back = {0};
    assert_int_equal(nnrt_save_params(&line_model, &v, path, NULL, 0), NNRT_OK);
    size_t n = read_file_of_test(file);
    assert_true(n % 4 == 0 && file[8] == '{' && n > 28);
    assert_memory_equal(file + n - 28, v.slope, 12);
    assert_memory_equal(file + n - 16, v.offset, 16);
    assert_int_equal(nnrt_session_new(&line_model, NULL, &s), NNRT_OK);
    assert_int_equal(nnrt_save(s, path), NNRT_ERR_STATE);
    assert_int_equal(nnrt_load(s, path), NNRT_OK);
    assert_int_equal(nnrt_read(s, "line.slope", back.slope, sizeof back.slope), NNRT_OK);
    assert_int_equal(nnrt_read(s, "line.offset", back.offset, sizeof back.offset), NNRT_OK);
    assert_memory_equal(&back.slope, &v.slope, sizeof v.slope);
    assert_memory_equal(&back.offset, &v.offset, sizeof v.offset);
    assert_int_equal(nnrt_save(s, path), NNRT_OK);
    char again[MAX_FILE];
    assert_int_equal(read_file_of_test(again), n);
    assert_memory_equal(again, file, n);
    nnrt_session_free(s);
}

/* Saving where that is impossible leaves the old file and nothing else. */
static void test_failed_save(void **state)
{
    char message[640], missing[160];
    (void)state;
    Values v = sample;
    snprintf(missing, sizeof missing, "%s/none/w.safetensors", folder);
    assert_int_equal(nnrt_save_params(&line_model, &v, missing, message, sizeof message), NNRT_ERR_FILE);
    assert_non_null(strstr(message, "cannot write: No such file or directory"));
    assert_int_equal(nnrt_save_params(&line_model, &v, folder, message, sizeof message), NNRT_ERR_FILE);
    snprintf(missing, sizeof missing, "%s.%ld-0.tmp", folder, (long)getpid());
    assert_int_equal(access(missing, F_OK), -1);
}

/* What a link leads to is replaced, and the link stays; a pipe stays as well. */
static void test_links_and_pipes(void **state)
{
    char link[160], pipe[160], message[640], target[160] = "";
    Values v = sample, back = sample;
    (void)state;
    snprintf(link, sizeof link, "%s/link", folder);
    snprintf(pipe, sizeof pipe, "%s/pipe", folder);
    assert_int_equal(nnrt_save_params(&line_model, &back, path, NULL, 0), NNRT_OK);
    assert_int_equal(symlink(path, link) | mkfifo(pipe, 0600), 0);
    v.slope[0] = 55;
    assert_int_equal(nnrt_save_params(&line_model, &v, link, NULL, 0), NNRT_OK);
    assert_true(readlink(link, target, sizeof target - 1) > 0);
    assert_string_equal(target, path);
    assert_int_equal(nnrt_load_params(&line_model, &back, path, NULL, 0), NNRT_OK);
    assert_true(back.slope[0] == 55);
    assert_int_equal(nnrt_save_params(&line_model, &v, pipe, message, sizeof message), NNRT_ERR_FILE);
    assert_non_null(strstr(message, "cannot write: it is no plain file"));
    struct stat info;
    assert_true(!lstat(pipe, &info) && S_ISFIFO(info.st_mode));
    unlink(link), unlink(pipe);
}

/* A disk that is full in the middle of the file: the old one stays, and nothing beside it. */
static void test_full_disk(void **state)
{
    char before[MAX_FILE], after[MAX_FILE], message[640];
    Values v = sample;
    struct rlimit old, small = {100, 100};
    (void)state;
    assert_int_equal(nnrt_save_params(&line_model, &v, path, NULL, 0), NNRT_OK);
    size_t n = read_file_of_test(before);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small.rlim_max = old.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    v.slope[0] = 77;
    int32_t status = nnrt_save_params(&line_model, &v, path, message, sizeof message);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(status, NNRT_ERR_FILE);
    assert_non_null(strstr(message, "cannot write: File too large"));
    assert_int_equal(read_file_of_test(after), n);
    assert_memory_equal(before, after, n);
}

#define SLOPE "\"line.slope\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]}"
#define ONE(dtype, shape, offsets) \
    "{\"a\":{\"dtype\":\"" dtype "\",\"shape\":[" shape "],\"data_offsets\":[" offsets "]}}"
#define OFFSET "\"line.offset\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[12,28]}"

static void test_other_models(void **state)
{
    (void)state;
    char message[640];
    write_header("{" OFFSET "," SLOPE "}", 28);
    assert_int_equal(try_load(message, sizeof message), NNRT_OK);
    write_header("{ \"line.\\u0073lope\" : {\"shape\":[ 3 ],\"dtype\":\"F32\",\"data_offsets\":[0,12]},\n" OFFSET "}  ",
                 28);
    assert_int_equal(try_load(message, sizeof message), NNRT_OK);
    assert_refused("{" SLOPE "}", 12, NNRT_ERR_SHAPE, "it lacks `line.offset`, which is f32[4] (line.nn:5)");
    assert_refused("{\"__metadata__\":{\"weights_hash\":\"0000000000000001\"}," SLOPE "}", 12, NNRT_ERR_SHAPE,
                   "it was written by a model with other parameters");
    assert_refused("{" SLOPE ",\"line.offset\":{\"dtype\":\"F32\",\"shape\":[5],\"data_offsets\":[12,32]}}", 32,
                   NNRT_ERR_SHAPE, "`line.offset` is f32[4] (line.nn:5), and the file has f32[5]");
    assert_refused("{" SLOPE ",\"line.offset\":{\"dtype\":\"BF16\",\"shape\":[4],\"data_offsets\":[12,20]}}", 20,
                   NNRT_ERR_SHAPE, "and the file has bf16[4]");
    assert_refused("{" SLOPE "," OFFSET ",\"more\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[28,29]}}", 29,
                   NNRT_ERR_SHAPE, "it has `more`, which `line` (line.nn) has not");
}

static void test_damaged_headers(void **state)
{
    (void)state;
    assert_refused("", 0, NNRT_ERR_FILE, "does not begin");
    assert_refused(" {" SLOPE "," OFFSET "}", 28, NNRT_ERR_FILE, "does not begin");
    assert_refused("{" SLOPE "," OFFSET "}x", 28, NNRT_ERR_FILE, "goes on after its end");
    assert_refused("{" SLOPE "," OFFSET, 28, NNRT_ERR_FILE, "lacks a `}`");
    assert_refused("{" SLOPE "," OFFSET "}", 29, NNRT_ERR_FILE, "tells of 28 bytes of data, and it has 29");
    assert_refused("{" SLOPE "," OFFSET "}", 27, NNRT_ERR_FILE, "tells of 28 bytes of data, and it has 27");
    assert_refused("{" SLOPE "," SLOPE "}", 12, NNRT_ERR_FILE, "a hole or an overlap");
    assert_refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},"
                   "\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0, NNRT_ERR_FILE,
                   "two tensors `a`");
    assert_refused(ONE("F32", "3", "0,8"), 8, NNRT_ERR_FILE, "do not fit");
    assert_refused(ONE("F32", "3", "12,0"), 12, NNRT_ERR_FILE, "do not fit");
    assert_refused(ONE("F31", "3", "0,12"), 12, NNRT_ERR_FILE, "unknown dtype");
    assert_refused(ONE("F32", "4611686018427387904,4", "0,0"), 0,
                   NNRT_ERR_FILE, "too large");
    assert_refused(ONE("F32", "99999999999999999999", "0,0"), 0,
                   NNRT_ERR_FILE, "too large");
    assert_refused(ONE("F32", "-3", "0,12"), 12, NNRT_ERR_FILE, "no plain number");
    assert_refused(ONE("F32", "03", "0,12"), 12, NNRT_ERR_FILE, "no plain number");
    assert_refused(ONE("F32", "3.0", "0,12"), 12, NNRT_ERR_FILE, "lacks a `]`");
    assert_refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[3]}}", 0, NNRT_ERR_FILE, "without dtype, shape or");
    assert_refused("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}", 0, NNRT_ERR_FILE, "twice");
    assert_refused("{\"a\":{\"kind\":\"F32\"}}", 0, NNRT_ERR_FILE, "unknown field");
    assert_refused("{\"a\":[[[[]]]]}", 0, NNRT_ERR_FILE, "lacks a `{`");
    assert_refused("{\"a\":null}", 0, NNRT_ERR_FILE, "lacks a `{`");
    assert_refused(ONE("U8", "1,1,1,1,1,1,1,1,1", "0,1"), 1, NNRT_ERR_FILE,
                   "too long");
    assert_refused(ONE("U8", "1", "0"), 1, NNRT_ERR_FILE, "no pair");
    assert_refused("{\"a\\u0000b\":{}}", 0, NNRT_ERR_FILE, "no name may hold");
    assert_refused("{\"a\\ud800\":{}}", 0, NNRT_ERR_FILE, "no name may hold");
    assert_refused("{\"a\\u00g0\":{}}", 0, NNRT_ERR_FILE, "broken \\u");
    assert_refused("{\"a\\u00@0\":{}}", 0, NNRT_ERR_FILE, "broken \\u");
    assert_refused("{\"a\\u00`0\":{}}", 0, NNRT_ERR_FILE, "broken \\u");
    assert_refused("{\"a\\x\":{}}", 0, NNRT_ERR_FILE, "unknown escape");
    assert_refused("{\"a\nb\":{}}", 0, NNRT_ERR_FILE, "control character");
    assert_refused("{\"\xc0\x80\":{}}", 0, NNRT_ERR_FILE, "UTF-8");
    assert_refused("{\"\xed\xa0\x80\":{}}", 0, NNRT_ERR_FILE, "UTF-8");
    assert_refused("{\"\xe2\x82", 0, NNRT_ERR_FILE, "UTF-8");
    assert_refused("{\"a", 0, NNRT_ERR_FILE, "lacks a `\"`");
    assert_refused("{\"__metadata__\":{\"a\":1}}", 0, NNRT_ERR_FILE, "lacks a `\"`");
    assert_refused("{\"__metadata__\":{\"a\":\"\",\"a\":\"\"}}", 0, NNRT_ERR_FILE, "__metadata__ twice");
    assert_refused("{\"__metadata__\":{},\"__metadata__\":{}}", 0, NNRT_ERR_FILE, "two __metadata__");
    assert_refused("{}", 0, NNRT_ERR_SHAPE, "it lacks `line.slope`");
}

static void test_long_name(void **state)
{
    char header[600] = "{\"";
    (void)state;
    memset(header + 2, 'n', 256);
    strcpy(header + 258, "\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}}");
    assert_refused(header, 1, NNRT_ERR_FILE, "more than 255 bytes");
}

static void test_strange_files(void **state)
{
    char message[640], huge[8] = {-1, -1, -1, -1, -1, -1, -1, 127};
    (void)state;
    write_file_of_test(huge, 8);
    assert_int_equal(try_load(message, sizeof message), NNRT_ERR_FILE);
    assert_int_equal(nnrt_load_params(&line_model, message, folder, NULL, 0), NNRT_ERR_FILE);
    assert_int_equal(nnrt_load_params(&line_model, NULL, path, NULL, 0), NNRT_ERR_NULL);
    assert_int_equal(nnrt_load_params(&line_model, message, NULL, NULL, 0), NNRT_ERR_NULL);
    char fifo[160];
    snprintf(fifo, sizeof fifo, "%s/fifo", folder);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(nnrt_load_params(&line_model, message, fifo, NULL, 0), NNRT_ERR_FILE);
    unlink(fifo);
}

/* Every length, and every bit turned round: refused with nothing changed, or the very values that were saved. */
static void test_every_damage(void **state)
{
    char file[MAX_FILE], message[640];
    Values v = sample;
    int loaded = 0, refused = 0;
    (void)state;
    assert_int_equal(nnrt_save_params(&line_model, &v, path, NULL, 0), NNRT_OK);
    size_t n = read_file_of_test(file);
    for (size_t length = 0; length < n; length++) {
        write_file_of_test(file, length);
        assert_int_not_equal(try_load(message, sizeof message), NNRT_OK);
        assert_true(message[0] != 0);
    }
    for (size_t bit = 0; bit < 8 * n; bit++) {
        file[bit / 8] ^= (char)(1 << bit % 8);
        write_file_of_test(file, n);
        file[bit / 8] ^= (char)(1 << bit % 8);
        Values back = {0};
        int32_t status = nnrt_load_params(&line_model, &back, path, message, sizeof message);
        if (!status) {
            assert_memory_equal(back.slope, v.slope, sizeof v.slope);
            assert_memory_equal(back.offset, v.offset, sizeof v.offset);
        }
        ++*(status ? &refused : &loaded);
    }
    printf("%zu bytes, %d flips refused, %d harmless (in the names of the metadata)\n", n, refused, loaded);
    assert_true(refused > 1000);
}

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/nnrt-weights-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/w.safetensors", folder);
    return 0;
}

static int drop_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder); /* fails where something was left behind */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_failed_save),
        cmocka_unit_test(test_links_and_pipes),
        cmocka_unit_test(test_other_models),   cmocka_unit_test(test_damaged_headers),
        cmocka_unit_test(test_long_name),      cmocka_unit_test(test_strange_files),
        cmocka_unit_test(test_every_damage),   cmocka_unit_test(test_full_disk),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
