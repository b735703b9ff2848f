/* verify.c: the values of a model against those that another program has computed: the first that differs, and its line. */
#include "driver/commands/dump.h"
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

/* Both rounded at every step: what is small beside the largest value is told by its size. */
static bool agree(double ours, double theirs, double largest, bool single)
{
    double share = single ? 1e-4 : 1e-9;
    if (ours == theirs || (isnan(ours) && isnan(theirs))) return true;
    return fabs(ours - theirs) <= share * fmax(fabs(theirs), 0.01 * largest);
}

static const char *index_text(Arena *arena, const Column *c, int64_t at)
{
    int64_t place[DATA_MAX_RANK];
    Text t = {arena, 0, 0, 0};
    for (int i = c->rank; i-- > 0; at /= c->shape[i]) place[i] = at % c->shape[i];
    for (int i = 0; i < c->rank; i++) text_add(&t, "%s%" PRId64, i ? ", " : "[", place[i]);
    if (c->rank) text_add(&t, "]");
    return text_done(&t);
}

/* Where it is computed, and what stands there. */
static int tell_difference(const Args *a, const DumpPlace *p, const char *how)
{
    const Source *file = p->span.source;
    failure("`%s` is the first value that differs from `%s`: %s", p->name, a->operands.at[1], how);
    if (!file) return EXIT_CHECK;
    int line = source_line(file, p->span.lo);
    const char *text = file->text + file->lines[line - 1];
    fprintf(stderr, "  --> %s:%d:%d\n %d | %.*s\n", file->name, line, source_column(file, p->span.lo), line,
            (int)strcspn(text, "\r\n"), text);
    return EXIT_CHECK;
}

static const char *shapes_text(Arena *arena, const Column *ours, const RawArray *theirs)
{
    Text t = {arena, 0, 0, 0};
    text_add(&t, "its shape is [");
    for (int i = 0; i < ours->rank; i++) text_add(&t, "%s%" PRId64, i ? ", " : "", ours->shape[i]);
    text_add(&t, "] here, [");
    for (int i = 0; i < theirs->rank; i++) text_add(&t, "%s%" PRId64, i ? ", " : "", theirs->shape[i]);
    text_add(&t, "] there");
    return text_done(&t);
}

static const char *values_text(Arena *arena, const DumpPlace *p, const Column *c, int64_t at, double ours, double theirs)
{
    bool single = c->view->dtype == NNRT_F32;
    return str_format(arena, "%s%s is %s here, %s there", p->name, index_text(arena, c, at),
                      text_number(arena, ours, single), text_number(arena, theirs, single));
}

static int compare(Args *a, const DumpPlace *p, const Column *c)
{
    RawArray theirs;
    if (!npz_read(a->cx, a->operands.at[1], p->name, &theirs)) return model_finish(a, EXIT_MODEL);
    int64_t n = 1;
    double largest = 0;
    for (int i = 0; i < c->rank; i++) n *= c->shape[i];
    if (theirs.rank != c->rank || memcmp(theirs.shape, c->shape, sizeof *c->shape * (size_t)c->rank))
        return tell_difference(a, p, shapes_text(a->cx->arena, c, &theirs));
    bool single = c->view->dtype == NNRT_F32 || theirs.scalar == SCALAR_F32;
    for (int64_t i = 0; i < n; i++) largest = fmax(largest, fabs(array_number(&theirs, i)));
    for (int64_t i = 0; i < n; i++)
        if (!agree(column_number(c, i), array_number(&theirs, i), largest, single))
            return tell_difference(
                a, p, values_text(a->cx->arena, p, c, i, column_number(c, i), array_number(&theirs, i)));
    return 0;
}

static int compare_all(Args *a, const Dump *d, const Names *names, Map *agreed)
{
    int status = 0;
    for (int i = 0; i < d->places.n && !status; i++) {
        if (!npz_holds(names, d->places.at[i].name)) continue;
        status = compare(a, &d->places.at[i], &d->values[i]);
        map_set(agreed, d->places.at[i].name, agreed);
    }
    return status;
}

static int verify_part(Args *a, const Names *names, bool evaluation, Map *agreed, Dump *d)
{
    const char *const *specs = &a->operands.at[1];
    int n = a->values[OPT_DATA].n;
    *d = (Dump){.evaluation = evaluation};
    if (n) specs = a->values[OPT_DATA].at;
    int status = dump_run(a, d, specs, n ? n : 1);
    if (!status) status = compare_all(a, d, names, agreed);
    return status;
}

/* The train block is compared too where the file has all its inputs. */
static bool has_answers(const Running *r, const Names *names)
{
    const TrainInfo *t = r->program->trains.n ? &r->program->trains.at[0] : NULL;
    for (int i = 0; t && i < t->eval->inputs.n; i++)
        if (!npz_holds(names, t->eval->inputs.at[i].name)) return false;
    return t != NULL;
}

static int finish(const Args *a, const Dump *d, const Map *agreed)
{
    int n = map_count(agreed);
    if (n) return printf("%d value%s agree%s\n", n, n > 1 ? "s" : "", n > 1 ? "" : "s"), EXIT_GOOD;
    Text have = {a->cx->arena, 0, 0, 0};
    for (int i = 0; i < d->places.n; i++) text_add(&have, "%s`%s`", i ? ", " : "", d->places.at[i].name);
    return failure("`%s` has none of the model's values, which are %s", a->operands.at[1], text_done(&have));
}

int command_verify(Args *a)
{
    Names names = {0};
    Map *agreed = map_new(a->cx->arena);
    const char *file = a->operands.at[1];
    if (access(file, R_OK)) return usage_error("`%s` cannot be read: %s", file, strerror(errno)), EXIT_NO_INPUT;
    if (!npz_names(a->cx, file, &names)) return model_finish(a, EXIT_MODEL);
    Dump model, train = {0};
    int status = verify_part(a, &names, false, agreed, &model);
    if (!status && !args_has(a, OPT_MODEL) && has_answers(&model.run, &names))
        status = verify_part(a, &names, true, agreed, &train);
    if (!status) status = finish(a, &model, agreed);
    running_close(&model.run);
    running_close(&train.run);
    return status;
}
