/* Tells inner from outer ring with a compiled network: opens librings.so, loads its weights, reads every point of a CSV
   file in one call, draws the plane as the network sees it, and counts how many points it tells rightly.

   cc -O2 predict.c -I../../runtime ../../build/release/runtime/libnnrt.a -o predict
   ./predict librings.so rings.safetensors rings.csv [outputs.f32] */
#include "nnrt.h"
#include "points.h"

enum { WIDTH = 49, HEIGHT = 25 };

/* Ends the program with the library's own sentence where a call failed. */
static void check(int32_t status, const void *handle)
{
    if (status == NNRT_OK) return;
    fprintf(stderr, "%s\n", handle ? nnrt_error(handle) : nnrt_status_text(status));
    exit(1);
}

/* The probability of lying inside for each of n points. */
static void predict(nnrt_session *session, const float *points, int64_t n, float *out)
{
    const int64_t point_shape[] = {n, 2}, out_shape[] = {n, 1};
    int32_t entry = nnrt_find_entry(nnrt_session_model(session), "rings", NNRT_PREDICT);
    check(nnrt_bind_input(session, entry, "point", NNRT_F32, 2, point_shape, points, (size_t)(2 * n) * sizeof *points),
          session);
    check(nnrt_bind_output_at(session, entry, 0, NNRT_F32, 2, out_shape, out, (size_t)n * sizeof *out), session);
    check(nnrt_run(session, entry), session);
}

/* The plane from -1.2 to 1.2: '#' where the network sees the inner ring, '.' where it sees the outer one. */
static void draw_plane(nnrt_session *session)
{
    static float points[WIDTH * HEIGHT * 2], seen[WIDTH * HEIGHT];
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            points[2 * (y * WIDTH + x)] = -1.2f + 2.4f * (float)x / (WIDTH - 1);
            points[2 * (y * WIDTH + x) + 1] = 1.2f - 2.4f * (float)y / (HEIGHT - 1);
        }
    predict(session, points, WIDTH * HEIGHT, seen);
    for (int y = 0; y < HEIGHT; y++) {
        for (int x = 0; x < WIDTH; x++) putchar(seen[y * WIDTH + x] > 0.5f ? '#' : '.');
        putchar('\n');
    }
}

static void write_raw(const char *path, const void *from, size_t bytes)
{
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(from, 1, bytes, file) != bytes || fclose(file)) points_fail(path, "cannot be written");
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: %s librings.so weights.safetensors points.csv [outputs.f32]\n", argv[0]);
        return 64;
    }
    nnrt_library *library;
    nnrt_session *session;
    check(nnrt_open(argv[1], &library), library);
    check(nnrt_session_new(nnrt_library_model(library), NULL, &session), session);
    check(nnrt_load(session, argv[2]), session);
    Points p = points_read(argv[3]);
    float *out = (float *)malloc((size_t)p.rows * sizeof *out + 1);
    if (!out) points_fail(argv[3], "is too large for this machine's memory");
    draw_plane(session);
    predict(session, p.point, p.rows, out);
    int64_t right = 0;
    for (int64_t i = 0; i < p.rows; i++) right += (out[i] > 0.5f) == (p.inside[i] > 0.5f);
    printf("%lld of %lld right: accuracy %.4f\n", (long long)right, (long long)p.rows, (double)right / (double)p.rows);
    if (argc > 4) write_raw(argv[4], out, (size_t)p.rows * sizeof *out);
    nnrt_session_free(session);
    nnrt_close(library);
    free(out);
    free(p.point);
    free(p.inside);
    return 0;
}
