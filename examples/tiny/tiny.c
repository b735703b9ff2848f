/* Linear(10, 5) - Sigmoid - Linear(5, 8) - Softmax on a batch of 4, from C: prints the 4x8 probabilities, the loss
   against four labels, and the gradient of every parameter by its name.

   cc -O2 tiny.c -I../../runtime ../../build/release/runtime/libnnrt.a -o tiny
   ./tiny libtiny.so [seed] */
#include "nnrt.h"
#include <stdio.h>
#include <stdlib.h>

enum { ROWS = 4, INPUTS = 10, CLASSES = 8, MOST = 64 };
static const int64_t x_shape[] = {ROWS, INPUTS}, y_shape[] = {ROWS}, out_shape[] = {ROWS, CLASSES};

/* Ends the program with the library's own sentence where a call failed. */
static void check(int32_t status, const void *handle)
{
    if (status == NNRT_OK) return;
    fprintf(stderr, "%s\n", handle ? nnrt_error(handle) : nnrt_status_text(status));
    exit(1);
}

static void print_rows(const float *values, int64_t rows, int64_t columns)
{
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t k = 0; k < columns; k++) printf(" %11.8f", (double)values[i * columns + k]);
        putchar('\n');
    }
}

static void print_probabilities(nnrt_session *s, const float *x)
{
    float out[ROWS * CLASSES];
    int32_t predict = nnrt_find_entry(nnrt_session_model(s), "tiny", NNRT_PREDICT);
    check(nnrt_bind_input(s, predict, "x", NNRT_F32, 2, x_shape, x, ROWS * INPUTS * sizeof *x), s);
    check(nnrt_bind_output_at(s, predict, 0, NNRT_F32, 2, out_shape, out, sizeof out), s);
    check(nnrt_run(s, predict), s);
    printf("probabilities\n");
    print_rows(out, ROWS, CLASSES);
}

static void print_gradient(nnrt_session *s, const nnrt_tensor *t)
{
    float gradient[MOST];
    char type[64];
    if (t->bytes > (int64_t)sizeof gradient) {
        fprintf(stderr, "%s has more than %d elements\n", t->name, MOST);
        exit(1);
    }
    check(nnrt_read_grad(s, t->name, gradient, (size_t)t->bytes), s);
    printf("gradient of %s: %s\n", t->name, nnrt_tensor_text(t, type, sizeof type));
    int64_t columns = t->rank > 0 ? t->dims[t->rank - 1] : 1;
    print_rows(gradient, t->bytes / (int64_t)sizeof *gradient / columns, columns);
}

static void print_gradients(nnrt_session *s, const float *x, const int32_t *y)
{
    const nnrt_model *model = nnrt_session_model(s);
    int32_t grad = nnrt_find_entry(model, "tiny", NNRT_GRAD);
    check(nnrt_bind_input(s, grad, "x", NNRT_F32, 2, x_shape, x, ROWS * INPUTS * sizeof *x), s);
    check(nnrt_bind_input(s, grad, "y", NNRT_I32, 1, y_shape, y, ROWS * sizeof *y), s);
    check(nnrt_run(s, grad), s);
    printf("loss %.8f\n", nnrt_loss_of(nnrt_totals(s, grad)));
    for (uint32_t i = 0; i < model->ntensors; i++)
        if (model->tensors[i].role == NNRT_PARAM) print_gradient(s, &model->tensors[i]);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: %s libtiny.so [seed]\n", argv[0]);
        return 64;
    }
    static const int32_t y[ROWS] = {3, 0, 7, 5};
    float x[ROWS * INPUTS];
    for (int i = 0; i < ROWS * INPUTS; i++)
        x[i] = (float)(i * i * 7 % 31 - 15) / 8; /* exact in f32: any program can make the same */
    nnrt_library *library;
    nnrt_session *session;
    check(nnrt_open(argv[1], &library), library);
    check(nnrt_session_new(nnrt_library_model(library), NULL, &session), session);
    check(nnrt_init(session, argc > 2 ? strtoull(argv[2], NULL, 10) : 0), session);
    print_probabilities(session, x);
    print_gradients(session, x, y);
    nnrt_session_free(session);
    nnrt_close(library);
    return 0;
}
