/* Reads handwritten digits with a compiled network: opens libdigits.so, loads its weights, shows a few digits as text
   with what the network sees in them, and counts how many of all it reads rightly.

   cc -O2 predict.c -I../../runtime ../../build/release/runtime/libnnrt.a -o predict
   ./predict libdigits.so digits.safetensors data/test-images-idx3-ubyte data/test-labels-idx1-ubyte [outputs.f32] */
#include "idx.h"
#include "nnrt.h"

enum { SHOWN = 4, SIDE = 28, CLASSES = 10 };

/* Ends the program with the library's own sentence where a call failed. */
static void check(int32_t status, const void *handle)
{
    if (status == NNRT_OK) return;
    fprintf(stderr, "%s\n", handle ? nnrt_error(handle) : nnrt_status_text(status));
    exit(1);
}

/* Two rows of the picture make one line of text, since letters are twice as high as wide. */
static void print_picture(const uint8_t *picture)
{
    static const char ink[] = " .:-=+*#%@";
    for (int y = 0; y < SIDE; y += 2) {
        for (int x = 0; x < SIDE; x++) putchar(ink[(picture[y * SIDE + x] + picture[(y + 1) * SIDE + x]) * 9 / 510]);
        putchar('\n');
    }
}

static int best_of(const float *activations)
{
    int best = 0;
    for (int i = 1; i < CLASSES; i++)
        if (activations[i] > activations[best]) best = i;
    return best;
}

static nnrt_session *open_model(const char *library_path, const char *weights_path, nnrt_library **library)
{
    nnrt_session *session;
    check(nnrt_open(library_path, library), *library);
    check(nnrt_session_new(nnrt_library_model(*library), NULL, &session), session);
    check(nnrt_load(session, weights_path), session);
    return session;
}

/* All pictures in one call: N is as large as the buffers say. */
static void predict(nnrt_session *session, const Idx *images, float *out)
{
    const int64_t image_shape[] = {images->rows, SIDE, SIDE}, out_shape[] = {images->rows, CLASSES};
    int32_t entry = nnrt_find_entry(nnrt_session_model(session), "digits", NNRT_PREDICT);
    check(nnrt_bind_input(session, entry, "image", NNRT_U8, 3, image_shape, images->bytes,
                          (size_t)(images->rows * images->row_bytes)), session);
    check(nnrt_bind_output_at(session, entry, 0, NNRT_F32, 2, out_shape, out,
                              (size_t)(images->rows * CLASSES) * sizeof *out), session);
    check(nnrt_run(session, entry), session);
}

static void write_raw(const char *path, const void *from, size_t bytes)
{
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(from, 1, bytes, file) != bytes || fclose(file)) idx_fail(path, "cannot be written");
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(stderr, "usage: %s libdigits.so weights.safetensors images labels [outputs.f32]\n", argv[0]);
        return 64;
    }
    nnrt_library *library;
    nnrt_session *session = open_model(argv[1], argv[2], &library);
    Idx images = idx_read(argv[3], 3), labels = idx_read(argv[4], 1);
    if (images.rows != labels.rows || images.row_bytes != SIDE * SIDE)
        idx_fail(argv[3], "does not fit its labels, or is not of 28 by 28 pictures");
    float *out = (float *)malloc((size_t)(images.rows * CLASSES) * sizeof *out);
    if (!out) idx_fail(argv[3], "is too large for this machine's memory");
    predict(session, &images, out);

    const nnrt_model *model = nnrt_session_model(session);
    const nnrt_entry *entry = &model->entries[nnrt_find_entry(model, "digits", NNRT_PREDICT)];
    const char *const *names = entry->outputs[0].axes[1].labels; /* the names that digits.nn gives its classes */
    int64_t right = 0;
    for (int64_t i = 0; i < images.rows; i++) {
        int seen = best_of(out + i * CLASSES);
        right += seen == labels.bytes[i];
        if (i >= SHOWN) continue;
        print_picture(images.bytes + i * images.row_bytes);
        printf("this is a %s, with probability %.3f (it is a %d)\n\n", names[seen], out[i * CLASSES + seen],
               labels.bytes[i]);
    }
    printf("%lld of %lld right: accuracy %.4f\n", (long long)right, (long long)images.rows,
           (double)right / (double)images.rows);
    if (argc > 5) write_raw(argv[5], out, (size_t)(images.rows * CLASSES) * sizeof *out);
    nnrt_session_free(session);
    nnrt_close(library);
    free(out);
    free(images.bytes);
    free(labels.bytes);
    return 0;
}
