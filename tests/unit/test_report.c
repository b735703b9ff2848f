/* The pictures of a run: well-formed, safe from what names hold, right in what they count; and TensorBoard's file, read
   back by a reader of its own. */
#include "driver/report/report.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* ---- a model by hand: of a point, the chance 1/(1 + exp(-8 w (x - y))); its name means harm ---- */
#define EVIL "</title><script>\"&'\x01\xff"
enum { ROWS = 40, HELD_OUT = 10 };

static int32_t begin(const nnrt_call *call)
{
    memcpy(call->work, call, sizeof *call);
    return NNRT_OK;
}

static void compute(void *work, uint32_t worker, uint32_t workers)
{
    const nnrt_call *call = work;
    const float *p = call->inputs[0], *w = call->params;
    float *out = call->outputs[0];
    for (int64_t i = 0; worker == 0 && i < call->sizes[0]; i++)
        out[i] = 1 / (1 + expf(-8 * w[0] * (p[2 * i] - p[2 * i + 1])));
    (void)workers;
}

static int32_t end(void *work) { return (void)work, NNRT_OK; }
static int64_t bytes(const int64_t *sizes) { return (void)sizes, (int64_t)sizeof(nnrt_call); }
static int32_t init(void *params, void *opt, uint64_t seed, void *work)
{
    (void)opt, (void)seed, (void)work;
    *(float *)params = 1;
    return NNRT_OK;
}
static int32_t prepare(void *params) { return (void)params, NNRT_OK; }

static const nnrt_symbol symbols[] = {{"N", 1, 1000000}};
static const nnrt_axis n_by_2[] = {{"", NULL, -1, 0, 0, NULL}, {"", NULL, 2, -1, 0, NULL}};
static const nnrt_axis n_by_1[] = {{"", NULL, -1, 0, 0, NULL}, {"", NULL, 1, -1, 0, NULL}};
static const nnrt_view inputs[] = {{EVIL, n_by_2, 2, NNRT_F32, 0, NULL, ""},
                                   {"side", n_by_1, 2, NNRT_F32, 0, NULL, ""}};
static const nnrt_view outputs[] = {{"out", n_by_1, 2, NNRT_F32, 0, NULL, ""}};
static const int64_t one[] = {1};
static const nnrt_tensor tensors[] = {{EVIL, "", NNRT_PARAM, NNRT_F32, 1, -1, one, 0, 4}};
static const nnrt_metric metrics[] = {{EVIL, 2, 0}};
static const int32_t entry_symbols[] = {0};
static nnrt_phase_fn *const phases[] = {compute};
static const nnrt_entry entries[] = {
    {EVIL, NNRT_PREDICT, 0,  inputs, outputs, 1, 1, entry_symbols, 1, 1, bytes, bytes, begin, phases, end, 0,
     0,    NULL,         -1, 1,      0, NULL,   0, 0},
    {EVIL, NNRT_STEP, 0, inputs,  NULL, 2, 0, entry_symbols, 1, 1, bytes, bytes, begin, phases,
     end,  3,         1, metrics, 0,    1, 0, NULL, 0, 0},
};
static const nnrt_train trains[] = {{EVIL, -1, -1, -1, -1, -1}};
static const nnrt_model model = {.size = sizeof model,
                                 .abi = NNRT_ABI,
                                 .name = "m",
                                 .source = EVIL,
                                 .level = "x86-64",
                                 .params_bytes = 64,
                                 .grads_bytes = 64,
                                 .opt_bytes = 64,
                                 .symbols = symbols,
                                 .tensors = tensors,
                                 .entries = entries,
                                 .trains = trains,
                                 .nsymbols = 1,
                                 .ntensors = 1,
                                 .nentries = 2,
                                 .ntrains = 1,
                                 .init = init,
                                 .prepare = prepare};
static const nnrt_entry *const step = &entries[1];

typedef struct World {
    Arena *arena;
    nnrt_session *session;
    float points[2 * ROWS], sides[ROWS];
    const void *arrays[2];
    int64_t order[ROWS], sizes[1];
    nnrt_source train, test;
} World;

/* Points on a circle; side is 1 where x > y, but wrong for the first two held out. */
static void world_fill(World *w)
{
    w->arena = arena_new();
    assert_int_equal(nnrt_session_new(&model, NULL, &w->session), NNRT_OK);
    assert_int_equal(nnrt_init(w->session, 1), NNRT_OK);
    for (int i = 0; i < ROWS; i++) {
        w->points[2 * i] = cosf((float)i + 0.1f);
        w->points[2 * i + 1] = sinf((float)i + 0.1f);
        w->sides[i] = w->points[2 * i] > w->points[2 * i + 1];
        w->order[i] = i;
    }
    for (int i = ROWS - HELD_OUT; i < ROWS - HELD_OUT + 2; i++) w->sides[i] = 1 - w->sides[i];
    w->arrays[0] = w->points;
    w->arrays[1] = w->sides;
    w->sizes[0] = ROWS;
    nnrt_source_init(&w->train);
    w->train.arrays = w->arrays;
    w->train.rows = ROWS;
    w->train.sizes = w->sizes;
    w->train.chosen = w->order;
    w->train.nchosen = ROWS - HELD_OUT;
    w->test = w->train;
    w->test.chosen = w->order + ROWS - HELD_OUT;
    w->test.nchosen = HELD_OUT;
}

static World *world_new(void)
{
    World *w = calloc(1, sizeof *w);
    assert_non_null(w);
    world_fill(w);
    return w;
}

static void world_free(World *w)
{
    nnrt_session_free(w->session);
    arena_free(w->arena);
    free(w);
}

static void add_epoch(History *h, uint64_t epoch, double loss)
{
    double totals[] = {10, 10 * loss, 10 * (1 - loss)}, test[] = {10, 20 * loss, 5};
    nnrt_progress p = {
        .epoch = epoch, .step = 10 * epoch, .entry = step, .totals = totals, .test = h->has_test ? test : NULL};
    history_add(h, &p);
}

/* ---- markup: every tag closed by its like, every attribute quoted, nothing else that means markup ---- */
typedef struct Tags {
    char open[64][16];
    int depth;
} Tags;

static bool is_void(const char *name)
{
    return !strcmp(name, "meta") || !strcmp(name, "link") || !strcmp(name, "!doctype");
}

static const char *read_name(const char *at, char *out)
{
    size_t n = strcspn(at, " \n/>");
    assert_in_range(n, 1, 15);
    memcpy(out, at, n);
    out[n] = 0;
    return at + n;
}

/* From after a tag's name to after its `>`. */
static const char *read_attributes(const char *at, bool *out_closed)
{
    *out_closed = false;
    for (; *at != '>'; at++) {
        assert_true(*at && *at != '<');
        *out_closed = *at == '/';
        if (*at != '"') continue;
        assert_int_equal(at[-1], '=');
        at = strchr(at + 1, '"');
        assert_non_null(at);
    }
    return at + 1;
}

static const char *read_tag(Tags *t, const char *at)
{
    char name[16];
    bool closed;
    if (*at == '/') {
        at = read_name(at + 1, name);
        assert_true(t->depth > 0);
        assert_string_equal(name, t->open[--t->depth]);
        assert_int_equal(*at, '>');
        return at + 1;
    }
    at = read_attributes(read_name(at, name), &closed);
    if (closed || is_void(name)) return at;
    assert_in_range(t->depth, 0, 63);
    strcpy(t->open[t->depth++], name);
    return at;
}

static void assert_well_formed(const char *text)
{
    Tags t = {.depth = 0};
    while (*text) {
        if (*text == '<') {
            text = read_tag(&t, text + 1);
            continue;
        }
        if (*text == '&') assert_in_range(strcspn(text, ";"), 2, 6);
        assert_true((unsigned char)*text >= 32 || *text == '\n');
        assert_int_not_equal((unsigned char)*text, 0xff);
        text++;
    }
    assert_int_equal(t.depth, 0);
}

static int count_of(const char *text, const char *part)
{
    int n = 0;
    for (; (text = strstr(text, part)); text += strlen(part)) n++;
    return n;
}

static void test_text_is_escaped(void **state)
{
    (void)state;
    Text t = {arena_new(), 0, 0, 0};
    xml_text(&t, "a<b>&\"'\x01\xc3\xa9\xff\xc0\xaf\xed\xa0\x80\xe2\x82");
    assert_string_equal(text_done(&t),
                        "a&lt;b&gt;&amp;&quot;&#39;\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
                        "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    arena_free(t.arena);
}

/* ---- curves ---- */
static void test_ticks_are_round(void **state)
{
    (void)state;
    double ticks[12];
    Scale s = scale_new(0.13, 0.98, 5, 100, 0);
    int n = scale_ticks(&s, ticks, 12);
    assert_int_equal(n, 4);
    for (int i = 0; i < n; i++) assert_true(fabs(ticks[i] - 0.2 * (i + 1)) < 1e-12);
    assert_true(fabs(scale_at(&s, 0.13) - 100) < 1e-9 && fabs(scale_at(&s, 0.98)) < 1e-9);
    s = scale_log(0.003, 2, 0, 1);
    assert_int_equal(scale_ticks(&s, ticks, 12), 9); /* 0.005 .. 2 by 1, 2, 5 */
    s = scale_new(7, 7, 5, 0, 1);
    assert_true(scale_at(&s, 7) == 0.5);
}

static void draw_curves(int epochs, bool has_test, double (*loss)(int))
{
    Arena *a = arena_new();
    Text t = {a, 0, 0, 0};
    History *h = history_new(a, step, true, has_test);
    for (int i = 1; i <= epochs; i++) add_epoch(h, (uint64_t)i, loss(i));
    curves_draw(h, &t, true);
    sparkline_draw(h, 0, &t);
    assert_well_formed(text_done(&t));
    assert_null(strstr(text_done(&t), "<script"));
    assert_null(strstr(text_done(&t), "=\"nan"));
    assert_null(strstr(text_done(&t), " nan "));
    assert_true(t.n < 400000);
    if (epochs) assert_true(count_of(text_done(&t), "class=\"test\" d=") == 0 || has_test);
    arena_free(a);
}

static double falling(int i) { return 1.0 / (i * i); }
static double constant(int i) { return (void)i, 0.25; }
static double broken(int i) { return i % 3 == 0 ? NAN : i % 3 == 1 ? INFINITY : 1e300 * i; }

static void test_curves(void **state)
{
    (void)state;
    double (*const losses[])(int) = {falling, constant, broken};
    const int epochs[] = {0, 1, 2, 50, 5000};
    for (size_t k = 0; k < COUNT(losses); k++)
        for (size_t i = 0; i < COUNT(epochs); i++)
            for (int test = 0; test < 2; test++) draw_curves(epochs[i], test, losses[k]);
}

static void test_history_is_read_back(void **state)
{
    (void)state;
    Arena *a = arena_new();
    History *h = history_new(a, step, true, true);
    history_read_csv(h, "epoch,step,loss,m,test_loss,test_m\n1,10,0.5,0.25,0.75,1\n2,20,nan,0,0.5,1\n3,30,1,2\nx\n4,");
    assert_int_equal(h->epochs.n, 2);
    assert_int_equal(h->epochs.at[1].step, 20);
    assert_true(isnan(h->epochs.at[1].train[0]) && h->epochs.at[0].test[1] == 1);
    assert_int_equal(history_best(h, 0), 1);
    assert_true(history_last(h, 0, true) == 0.5);
    arena_free(a);
}

/* ---- classes, confusion ---- */
static void test_confusion_counts(void **state)
{
    (void)state;
    Arena *a = arena_new();
    const char *names[] = {"a", EVIL, "c"};
    Confusion *c = confusion_new(a, 3, names);
    static const int samples[][2] = {{0, 0}, {0, 1}, {0, 1}, {1, 1}, {2, 0}, {2, 0}, {2, 1}, {1, -1}};
    for (size_t i = 0; i < COUNT(samples); i++) confusion_count(c, samples[i][0], samples[i][1]);
    static const int64_t wanted[] = {1, 2, 0, 0, 1, 0, 2, 1, 0};
    assert_memory_equal(c->counts, wanted, sizeof wanted);
    assert_int_equal(c->total, 8);
    assert_int_equal(c->right, 2);
    static const int worst[][2] = {{0, 1}, {2, 0}, {2, 1}};
    int truth, guess;
    for (size_t i = 0; i < COUNT(worst); i++) {
        assert_true(confusion_worst(c, (int)i, &truth, &guess));
        assert_true(truth == worst[i][0] && guess == worst[i][1]);
    }
    assert_false(confusion_worst(c, 3, &truth, &guess));
    Text t = {a, 0, 0, 0};
    confusion_draw(c, &t, true);
    assert_well_formed(text_done(&t));
    arena_free(a);
}

static void test_confusion_of_held_out(void **state)
{
    (void)state;
    World *w = world_new();
    Predictor p;
    assert_true(predictor_find(w->arena, w->session, step, &p));
    Confusion *c = confusion_measure(w->arena, &p, &w->test);
    assert_non_null(c);
    assert_int_equal(c->n, 2);
    assert_int_equal(c->total, HELD_OUT);
    assert_int_equal(c->right, HELD_OUT - 2);
    assert_int_equal(confusion_measure(w->arena, &p, &w->train)->right, ROWS - HELD_OUT);
    w->sides[3] = 0.5f; /* no class any more */
    assert_null(confusion_measure(w->arena, &p, &w->train));
    world_free(w);
}

/* Rows come out in their order, whether they fill a call of the model or not. */
static void test_predictor_rows(void **state)
{
    (void)state;
    enum { MANY = 1000 };
    World *w = world_new();
    Predictor p;
    assert_true(predictor_find(w->arena, w->session, step, &p));
    int64_t rows[MANY];
    for (int i = 0; i < MANY; i++) rows[i] = i * 7 % ROWS;
    const double *out = predictor_run(&p, w->arena, &w->train, rows, MANY);
    assert_non_null(out);
    for (int i = 0; i < MANY; i++) {
        const float *at = &w->points[2 * rows[i]];
        assert_true(fabs(out[i] - 1 / (1 + expf(-8 * (at[0] - at[1])))) < 1e-6);
    }
    world_free(w);
}

/* ---- region ---- */
static void test_region_frames(void **state)
{
    (void)state;
    World *w = world_new();
    Predictor p;
    assert_true(predictor_find(w->arena, w->session, step, &p));
    DecisionRegion *r = decision_region_new(w->arena, &p, &w->train);
    assert_non_null(r);
    for (uint64_t e = 0; e <= 11; e++) decision_region_take(r, e, false);
    decision_region_take(r, 11, false);
    decision_region_take(r, 12, true);
    Text t = {w->arena, 0, 0, 0};
    decision_region_draw(r, &t, true);
    const char *text = text_done(&t);
    assert_well_formed(text);
    assert_int_equal(count_of(text, ">epoch "), 4); /* 1, 2, 4, 8 */
    assert_int_equal(count_of(text, ">within epoch 12<"), 1);
    assert_int_equal(count_of(text, ">before training<"), 1);
    assert_int_equal(count_of(text, "class=\"border\""), 6);
    assert_int_equal(count_of(text, "id=\"nn-points"), 3); /* two classes, and both */
    world_free(w);
}

/* ---- the page ---- */
static void test_page_stands_alone(void **state)
{
    (void)state;
    World *w = world_new();
    Predictor p;
    assert_true(predictor_find(w->arena, w->session, step, &p));
    DecisionRegion *r = decision_region_new(w->arena, &p, &w->train);
    decision_region_take(r, 0, false);
    Setting settings[] = {{"data", EVIL}, {"empty", ""}};
    ReportSetup setup = {.arena = w->arena,
                         .session = w->session,
                         .entry = step,
                         .train = &w->train,
                         .test = &w->test,
                         .settings = settings,
                         .nsettings = 2,
                         .memory_plan = EVIL};
    History *h = history_new(w->arena, step, true, true);
    for (int i = 1; i < 9; i++) add_epoch(h, (uint64_t)i, falling(i));
    Page page = {&setup, h, r,    confusion_measure(w->arena, &p, &w->test), weights_new(w->arena, w->session), 3,
                 10,     0, false};
    Text t = {w->arena, 0, 0, 0};
    html_page(&page, &t);
    const char *text = text_done(&t);
    assert_well_formed(text);
    static const char *const never[] = {
        "<script", "http:", "https:", "url(", " src=", "@import", "http-equiv=\"refresh"};
    for (size_t i = 0; i < COUNT(never); i++) assert_null(strstr(text, never[i]));
    assert_null(strstr(text, ">empty<"));
    assert_int_equal(count_of(text, "default-src 'none'"), 1);
    size_t n = t.n;
    html_page(&page, &t);
    assert_int_equal(t.n, 2 * n);
    assert_memory_equal(t.at, t.at + n, n); /* the same run, the same bytes */
    world_free(w);
}

/* ---- events ---- */
/* The checksum of TensorBoard's records, by the definition: long division, highest bit first, over reflected bits. */
static uint32_t reflected(uint32_t v, int bits)
{
    uint32_t r = 0;
    for (int i = 0; i < bits; i++) r |= (v >> i & 1) << (bits - 1 - i);
    return r;
}

static uint32_t checksum(const unsigned char *at, size_t n)
{
    uint32_t rest = 0xffffffff;
    for (size_t i = 0; i < n; i++) {
        rest ^= reflected(at[i], 8) << 24;
        for (int bit = 0; bit < 8; bit++) rest = rest << 1 ^ (rest >> 31 ? 0x1edc6f41 : 0);
    }
    uint32_t crc = reflected(~rest, 32);
    return (crc >> 15 | crc << 17) + 0xa282ead8;
}

static uint64_t little(const unsigned char *at, int n)
{
    uint64_t v = 0;
    for (int i = 0; i < n; i++) v |= (uint64_t)at[i] << (8 * i);
    return v;
}

typedef struct Event {
    double wall_time;
    uint64_t step;
    char version[32], tag[64];
    float value;
} Event;

static uint64_t read_varint(const unsigned char **at)
{
    uint64_t v = 0;
    for (int shift = 0;; shift += 7) {
        unsigned char c = *(*at)++;
        v |= (uint64_t)(c & 0x7f) << shift;
        if (c < 0x80) return v;
    }
}

static void read_string(const unsigned char **at, char *out, size_t size)
{
    uint64_t n = read_varint(at);
    assert_true(n < size);
    memcpy(out, *at, n);
    out[n] = 0;
    *at += n;
}

/* A message within a message: its bytes are read as fields of their own. */
static void read_fields(const unsigned char *at, const unsigned char *until, int depth, Event *e)
{
    while (at < until) {
        int key = depth * 1000 + *at++;
        uint64_t bits, n;
        switch (key) {
        case 0x09: bits = little(at, 8), memcpy(&e->wall_time, &bits, 8), at += 8; break;
        case 0x10: e->step = read_varint(&at); break;
        case 0x1a: read_string(&at, e->version, sizeof e->version); break;
        case 0x2a:
        case 1000 + 0x0a: n = read_varint(&at), read_fields(at, at + n, depth + 1, e), at += n; break;
        case 2000 + 0x0a: read_string(&at, e->tag, sizeof e->tag); break;
        case 2000 + 0x15: bits = little(at, 4), memcpy(&e->value, &(uint32_t){(uint32_t)bits}, 4), at += 4; break;
        default: fail_msg("a field of key %d", key);
        }
    }
    assert_ptr_equal(at, until);
}

static const unsigned char *read_record(const unsigned char *at, Event *e)
{
    uint64_t n = little(at, 8);
    assert_int_equal(little(at + 8, 4), checksum(at, 8));
    assert_int_equal(little(at + 12 + n, 4), checksum(at + 12, n));
    *e = (Event){0};
    read_fields(at + 12, at + 12 + n, 0, e);
    return at + 12 + n + 4;
}

static void test_events_are_read_back(void **state)
{
    (void)state;
    Text t = {arena_new(), 0, 0, 0};
    Event e;
    assert_int_equal(crc32c("123456789", 9), 0xe3069283);
    events_header(&t, 1234.5);
    events_scalar(&t, 1235.25, 300, "loss/train", 0.125f);
    events_scalar(&t, 1236, (int64_t)1 << 40, "a tag of more than its share of letters, as some are", -INFINITY);
    const unsigned char *at = read_record((const unsigned char *)t.at, &e);
    assert_string_equal(e.version, "brain.Event:2");
    assert_true(e.wall_time == 1234.5);
    at = read_record(at, &e);
    assert_string_equal(e.tag, "loss/train");
    assert_true(e.wall_time == 1235.25 && e.step == 300 && e.value == 0.125f);
    at = read_record(at, &e);
    assert_true(e.step == (uint64_t)1 << 40 && isinf(e.value));
    assert_ptr_equal(at, t.at + t.n);
    arena_free(t.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_is_escaped),
        cmocka_unit_test(test_ticks_are_round),
        cmocka_unit_test(test_curves),
        cmocka_unit_test(test_history_is_read_back),
        cmocka_unit_test(test_confusion_counts),
        cmocka_unit_test(test_confusion_of_held_out),
        cmocka_unit_test(test_predictor_rows),
        cmocka_unit_test(test_region_frames),
        cmocka_unit_test(test_page_stands_alone),
        cmocka_unit_test(test_events_are_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
