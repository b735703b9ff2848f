/* A host whose buffers do not fit: one byte short, another dtype, another rank, another size, no buffer. */
#include "nnrt.h"
#include <stdio.h>

static nnrt_session *s;
static int32_t predict;

static void bind(uint32_t dtype, uint32_t rank, const int64_t *dims, const void *data, size_t bytes)
{
    int32_t status = nnrt_bind_input(s, predict, "point", dtype, rank, dims, data, bytes);
    printf("status %d: %s\n", (int)status, status ? nnrt_error(s) : "taken");
}

int main(void)
{
    static float points[20], out[10];
    const int64_t ten[] = {10, 2}, wide[] = {10, 3}, none[] = {0, 2}, flat[] = {20}, out_dims[] = {10, 1};
    nnrt_library *library;
    if (nnrt_open("./librings.so", &library) || nnrt_session_new(nnrt_library_model(library), NULL, &s)) return 1;
    predict = nnrt_find_entry(nnrt_session_model(s), "rings", NNRT_PREDICT);
    bind(NNRT_F32, 2, ten, points, sizeof points - 1);
    bind(NNRT_F64, 2, ten, points, sizeof points);
    bind(NNRT_F32, 1, flat, points, sizeof points);
    bind(NNRT_F32, 2, wide, points, sizeof points);
    bind(NNRT_F32, 2, none, points, sizeof points);
    bind(NNRT_F32, 2, ten, NULL, sizeof points);
    printf("%d: %s\n", (int)nnrt_bind_input(s, predict, "pointt", NNRT_F32, 2, ten, points, sizeof points),
           nnrt_error(s));
    printf("%d: %s\n", (int)nnrt_run(s, predict), nnrt_error(s));
    bind(NNRT_F32, 2, ten, points, sizeof points);
    printf("%d: %s\n", (int)nnrt_bind_output_at(s, predict, 0, NNRT_F32, 2, out_dims, out, sizeof out - 1),
           nnrt_error(s));
    printf("%d\n", (int)nnrt_bind_output_at(s, predict, 0, NNRT_F32, 2, out_dims, out, sizeof out));
    printf("%d: %s\n", (int)nnrt_run(s, predict), nnrt_error(s));
    printf("%d\n", (int)nnrt_init(s, 1));
    printf("%d\n", (int)nnrt_run(s, predict));
    nnrt_session_free(s);
    nnrt_close(library);
    return 0;
}
