/* line_model.h: a compiled model as a person would write it: a line with three slopes and an offset a group, trained by
   momentum. The tests of the run-time library use it, so that they stand by themselves.

   dim N in 1..1000
   model line(x: f32[N, 3], group: i32<4>[N]) -> (out: f32[N], twice: f32[2*N])
   train line(x, group, y: f32[N]) { loss mean((out - y)^2); metric (sum |out - y|, N); stop loss < 1e-9; batch 16 } */
#ifndef LINE_MODEL_H
#define LINE_MODEL_H
#include "runtime/nnrt.h"
#include <math.h>
#include <stddef.h>
#include <string.h>

typedef struct Values { _Alignas(64) float slope[3]; _Alignas(64) float offset[4]; } Values;
typedef struct Settings { uint32_t size, spare; double rate; } Settings;
typedef struct Frame {
    nnrt_call call;
    int64_t n;
    double loss, off;
    Values gradient;
    float error[]; /* N */
} Frame;

static int64_t line_work(const int64_t *sizes)
{
    return sizes[0] < 1 || sizes[0] > 1000 ? 0 : (int64_t)sizeof(Frame) + 4 * sizes[0];
}
static int64_t line_no_work(const int64_t *sizes) { return (void)sizes, (int64_t)sizeof(Frame); }
static int64_t line_cost(const int64_t *sizes) { return 8 * sizes[0]; }
static int64_t line_small_cost(const int64_t *sizes) { return (void)sizes, 20; }
static int64_t line_twice(const int64_t *sizes) { return 2 * sizes[0]; }

static int32_t line_begin_update(const nnrt_call *call)
{
    Frame *f = call->work;
    memset(f, 0, sizeof *f);
    f->call = *call;
    return NNRT_OK;
}

static int32_t line_begin(const nnrt_call *call)
{
    const int32_t *group = call->inputs[1];
    line_begin_update(call);
    ((Frame *)call->work)->n = call->sizes[0];
    for (int64_t i = 0; i < call->sizes[0]; i++)
        if (group[i] < 0 || group[i] > 3) return NNRT_ERR_INDEX;
    return NNRT_OK;
}

static float line_at(const Frame *f, int64_t i)
{
    const Values *p = f->call.params;
    const float *x = (const float *)f->call.inputs[0] + 3 * i;
    float offset = p->offset[((const int32_t *)f->call.inputs[1])[i]];
    return p->slope[0] * x[0] + p->slope[1] * x[1] + p->slope[2] * x[2] + offset;
}

static void line_predict_rows(void *work, uint32_t worker, uint32_t workers)
{
    Frame *f = work;
    float *out = f->call.outputs[0], *twice = f->call.outputs[1];
    for (int64_t i = f->n * worker / workers; i < f->n * (worker + 1) / workers; i++)
        out[i] = twice[2 * i] = twice[2 * i + 1] = line_at(f, i);
}

static void line_errors(void *work, uint32_t worker, uint32_t workers)
{
    Frame *f = work;
    const float *y = f->call.inputs[2];
    for (int64_t i = f->n * worker / workers; i < f->n * (worker + 1) / workers; i++)
        f->error[i] = line_at(f, i) - y[i];
}

static void line_sum(void *work, uint32_t worker, uint32_t workers)
{
    Frame *f = work;
    const float *x = f->call.inputs[0];
    const int32_t *group = f->call.inputs[1];
    for (int64_t i = 0; worker == 0 && i < f->n; i++) {
        float slope = 2 * f->error[i] / (float)f->n;
        f->loss += (double)f->error[i] * f->error[i] / (double)f->n;
        f->off += fabs(f->error[i]);
        for (int k = 0; k < 3; k++) f->gradient.slope[k] += slope * x[3 * i + k];
        f->gradient.offset[group[i]] += slope;
    }
    (void)workers;
}

static void line_store_grads(void *work, uint32_t worker, uint32_t workers)
{
    Frame *f = work;
    float *to = f->call.grads, *from = (float *)&f->gradient;
    for (size_t i = 0; worker == 0 && i < sizeof(Values) / 4; i++)
        to[i] = (f->call.step->flags & NNRT_ADD ? to[i] : 0) + (float)f->call.step->weight * from[i];
    (void)workers;
}

static void line_move(Frame *f, const Values *g)
{
    float *p = f->call.params, *v = f->call.opt;
    const float *gradient = (const float *)g;
    float rate = (float)(f->call.hparams ? ((const Settings *)f->call.hparams)->rate : 0.05);
    for (size_t i = 0; i < sizeof(Values) / 4; i++) {
        v[i] = 0.5f * v[i] + gradient[i];
        p[i] -= rate * v[i];
    }
}

static void line_update_all(void *work, uint32_t worker, uint32_t workers)
{
    if (worker == 0) line_move(work, ((Frame *)work)->call.grads);
    (void)workers;
}

static void line_step_all(void *work, uint32_t worker, uint32_t workers)
{
    Frame *f = work;
    if (worker == 0 && isfinite(f->loss)) line_move(f, &f->gradient);
    (void)workers;
}

static int32_t line_end(void *work) { return (void)work, NNRT_OK; }

static int32_t line_end_totals(void *work)
{
    const Frame *f = work;
    double n = (double)f->n, totals[5] = {n, f->loss * n, f->off, n, f->loss < 1e-9};
    for (int i = 0; i < 5; i++) f->call.totals[i] += totals[i];
    return isfinite(f->loss) ? NNRT_OK : NNRT_ERR_NONFINITE;
}

static int32_t line_init(void *params, void *opt, uint64_t seed, void *work)
{
    Values *p = params;
    (void)work;
    for (int i = 0; i < 3; i++) p->slope[i] = (float)(seed % 7) / 10 + (float)i;
    memset(p->offset, 0, sizeof p->offset);
    if (opt) memset(opt, 0, sizeof(Values));
    return NNRT_OK;
}
static int32_t line_start(const void *params, void *opt, uint64_t seed, void *work)
{
    (void)params, (void)seed, (void)work;
    memset(opt, 0, sizeof(Values));
    return NNRT_OK;
}
static int32_t line_prepare(void *params) { return params ? NNRT_OK : NNRT_ERR_NULL; }

static const nnrt_symbol line_symbols[] = {{"N", 1, 1000}};
static const nnrt_axis line_n[] = {{"", NULL, -1, 0, 0, NULL}};
static const nnrt_axis line_n3[] = {{"", NULL, -1, 0, 0, NULL}, {"", NULL, 3, -1, 0, NULL}};
static const nnrt_axis line_2n[] = {{"", NULL, -1, -1, 0, line_twice}};
static const nnrt_view line_inputs[] = {
    {"x", line_n3, 2, NNRT_F32, 0, NULL, "line.nn:2"},
    {"group", line_n, 1, NNRT_I32, 4, NULL, "line.nn:2"},
    {"y", line_n, 1, NNRT_F32, 0, NULL, "line.nn:3"},
};
static const nnrt_view line_outputs[] = {
    {"out", line_n, 1, NNRT_F32, 0, NULL, "line.nn:2"},
    {"twice", line_2n, 1, NNRT_F32, 0, NULL, "line.nn:2"},
};
static const int64_t line_dims[] = {3, 4};
static const nnrt_tensor line_tensors[] = {
    {"line.slope", "line.nn:4", NNRT_PARAM, NNRT_F32, 1, -1, &line_dims[0], 0, 12},
    {"line.offset", "line.nn:5", NNRT_PARAM, NNRT_F32, 1, -1, &line_dims[1], 64, 16},
    {"opt/v/line.slope", "line.nn:6", NNRT_OPT, NNRT_F32, 1, 0, &line_dims[0], 0, 12},
    {"opt/v/line.offset", "line.nn:6", NNRT_OPT, NNRT_F32, 1, 0, &line_dims[1], 64, 16},
};
static const nnrt_hyper line_hypers[] = {{"rate", 0.05, offsetof(Settings, rate), 0}};
static const nnrt_metric line_metrics[] = {{"off", 2, 1}};
static nnrt_phase_fn *const line_predict_phases[] = {line_predict_rows};
static nnrt_phase_fn *const line_eval_phases[] = {line_errors, line_sum};
static nnrt_phase_fn *const line_grad_phases[] = {line_errors, line_sum, line_store_grads};
static nnrt_phase_fn *const line_update_phases[] = {line_update_all};
static nnrt_phase_fn *const line_step_phases[] = {line_errors, line_sum, line_step_all};
static const int32_t line_entry_symbols[] = {0};
#define LINE_TRAIN(kind, phases) \
    {"line", kind, 0, line_inputs, NULL, 3, 0, line_entry_symbols, 1, sizeof(phases) / sizeof *(phases), line_work, \
     line_cost, line_begin, phases, line_end_totals, 5, 1, line_metrics, 0, 1, 0, NULL, 0, 0}
static const nnrt_entry line_entries[] = {
    {"line", NNRT_PREDICT, 0, line_inputs, line_outputs, 2, 2, line_entry_symbols, 1, 1, line_work, line_cost,
     line_begin, line_predict_phases, line_end, 0, 0, NULL, -1, 1, 0, NULL, 0, 0},
    LINE_TRAIN(NNRT_EVAL, line_eval_phases),
    LINE_TRAIN(NNRT_GRAD, line_grad_phases),
    {"line", NNRT_UPDATE, 0, NULL, NULL, 0, 0, NULL, 0, 1, line_no_work, line_small_cost, line_begin_update,
     line_update_phases, line_end, 0, 0, NULL, 0, 0, 0, NULL, 0, 0},
    LINE_TRAIN(NNRT_STEP, line_step_phases),
};
static const nnrt_train line_trains[] = {{"line", -1, 16, -1, -1, -1}};
static const nnrt_model line_model = {
    .size = sizeof(nnrt_model), .abi = NNRT_ABI, .name = "line", .source = "line.nn", .level = "x86-64",
    .weights_hash = 0x1234, .opt_hash = 0x56, .graph_hash = 0x789,
    .params_bytes = sizeof(Values), .grads_bytes = sizeof(Values), .opt_bytes = sizeof(Values),
    .symbols = line_symbols, .tensors = line_tensors, .hypers = line_hypers, .entries = line_entries,
    .trains = line_trains, .nsymbols = 1, .ntensors = 4, .nhypers = 1, .nentries = 5, .ntrains = 1,
    .hparams_bytes = sizeof(Settings), .init = line_init, .prepare = line_prepare, .start = line_start,
};
#endif
