/* Contractions: one label an axis; labels that the result lacks are summed. */
#include "ir/op/op.h"
#include "ir/num.h"

/* ---- types ---- */
/* The axes that bear a label: in a, in b, or NULL. */
typedef struct Bearer { const Axis *a, *b; int axis_a, axis_b; } Bearer;

static Bearer label_bearer(const Node *n, int label)
{
    const ContractAttr *c = n->attr.contract;
    Bearer r = {0};
    for (int k = c->na - 1; k >= 0; k--)
        if (c->a[k] == label) r.a = &n->in[0]->type.axes[k], r.axis_a = k;
    for (int k = c->nb - 1; k >= 0; k--)
        if (c->b[k] == label) r.b = &n->in[1]->type.axes[k], r.axis_b = k;
    return r;
}

static bool check_operand_rank(Infer *i, int slot, int want)
{
    const Value *v = i->node->in[slot];
    if (v->type.rank == want) return true;
    Diag *d = infer_error(i, "E0202", "the pattern names %d %s of `%s`, which is %s", want, want == 1 ? "axis" : "axes",
                          value_text(v), type_text(i->arena, v->type));
    diag_primary(d, "%d named, %d there", want, v->type.rank);
    for (int k = 0; k < v->type.rank; k++) infer_origin(i, d, &v->type.axes[k]);
    return false;
}

static bool check_operand_dtypes(Infer *i)
{
    const Value *a = i->node->in[0], *b = i->node->in[1];
    const char *ta = dtype_name(a->type.dtype), *tb = dtype_name(b->type.dtype);
    if (a->type.dtype != b->type.dtype) {
        Diag *d = infer_error(i, "E0301", "a product needs one dtype, but `%s` is %s and `%s` is %s", value_text(a),
                              type_text(i->arena, a->type), value_text(b), type_text(i->arena, b->type));
        diag_primary(d, "%s meets %s", ta, tb);
        diag_note(d, "dtypes change only by name, never silently");
        diag_help(d, "write `%s(...)` around the second, or `%s(...)` around the first", ta, tb);
        return false;
    }
    if (a->type.dtype != DT_BOOL) return true;
    Diag *d = infer_error(i, "E0303", "a product takes numbers, but `%s` is %s", value_text(a),
                          type_text(i->arena, a->type));
    diag_help(d, "convert by name: `real(...)`");
    return false;
}

/* A label must have one size: in the other operand, and in the pattern itself. */
static bool check_label(Infer *i, int label)
{
    const Node *n = i->node;
    const ContractAttr *c = n->attr.contract;
    Bearer r = label_bearer(n, label);
    if (!r.a || !r.b || axes_match(i, r.a, r.b)) return true;
    const Value *a = n->in[0], *b = n->in[1];
    const char *p = axis_text(i, r.a), *q = axis_text(i, r.b);
    const char *code = axes_code(r.a, r.b, label_is_summed(c, label) ? "E0201" : "E0203");
    Diag *d = infer_error(i, code, "axis %d of `%s` is %s, but axis %d of `%s` is %s", r.axis_a + 1, value_text(a), p,
                          r.axis_b + 1, value_text(b), q);
    infer_mismatch(i, d, r.axis_a, r.a, r.b);
    if (r.a->dim != r.b->dim && label_is_summed(c, label))
        diag_primary(d, "the size to sum over would be both %s and %s", p, q);
    diag_note(d, "`%s`: %s\n`%s`: %s", value_text(a), type_text(i->arena, a->type), value_text(b),
              type_text(i->arena, b->type));
    if (dim_equal(r.a->dim, r.b->dim) == PROVED) return false;
    infer_fix(i, d, a, b, r.axis_b, r.a->dim);
    infer_fix(i, d, b, a, r.axis_a, r.b->dim);
    return false;
}

/* Two axes of one operand under one label would be a diagonal, which no pattern means. */
static bool check_labels_once(Infer *i, const int *labels, int n)
{
    for (int k = 0; k < n; k++)
        for (int j = 0; j < k; j++)
            if (labels[k] == labels[j]) {
                infer_error(i, "E0204", "a pattern names axis %d and axis %d alike", j + 1, k + 1);
                return false;
            }
    return true;
}

static bool infer_label_sizes(Infer *i)
{
    ContractAttr *c = i->node->attr.contract;
    for (int label = 0; label < c->nlabels; label++) {
        Bearer r = label_bearer(i->node, label);
        if (!check_label(i, label)) return false;
        if (!r.a && !r.b) {
            infer_error(i, "E0204", "the pattern adds an axis to a product; only a pattern of one input may do that");
            return false;
        }
        if (!c->sizes[label]) c->sizes[label] = r.a ? r.a->dim : r.b->dim;
    }
    return true;
}

bool infer_contract(Infer *i)
{
    const Node *n = i->node;
    const ContractAttr *c = n->attr.contract;
    if (!check_operand_dtypes(i) || !check_operand_rank(i, 0, c->na) || !check_operand_rank(i, 1, c->nb)) return false;
    if (!check_labels_once(i, c->a, c->na) || !check_labels_once(i, c->b, c->nb) ||
        !check_labels_once(i, c->out, c->nout) || !infer_label_sizes(i))
        return false;
    Axis axes[MAX_RANK];
    for (int k = 0; k < c->nout; k++) {
        Bearer r = label_bearer(n, c->out[k]);
        axes[k] = r.a ? *r.a : *r.b;
        if (r.b && !axes[k].role) axes[k].role = r.b->role;
    }
    return infer_result_type(i, 0, type_make(i->arena, n->in[0]->type.dtype, c->nout, axes));
}

/* ---- values ---- */
/* A walk over some labels, row-major: where each step stands in both operands. */
typedef struct Walk { int n, labels[2 * MAX_RANK]; int64_t size, *a, *b; } Walk;

static int64_t label_stride(const int *labels, const Array *x, int label)
{
    int64_t stride = 1;
    for (int k = x->rank - 1; k >= 0; stride *= x->shape[k--])
        if (labels[k] == label) return stride;
    return 0;
}

static void walk_prepare(Walk *w, Eval *e, const ContractAttr *c, const Array *a, const Array *b)
{
    w->size = 1;
    for (int k = 0; k < w->n; k++) w->size *= dim_eval(c->sizes[w->labels[k]], e->in->symbols);
    w->a = NEW_ARRAY(e->arena, int64_t, w->size);
    w->b = NEW_ARRAY(e->arena, int64_t, w->size);
    int64_t inner = 1;
    for (int k = w->n - 1; k >= 0; k--) {
        int label = w->labels[k];
        int64_t size = dim_eval(c->sizes[label], e->in->symbols);
        int64_t in_a = label_stride(c->a, a, label), in_b = label_stride(c->b, b, label);
        for (int64_t j = 0; j < w->size; j++) {
            w->a[j] += j / inner % size * in_a;
            w->b[j] += j / inner % size * in_b;
        }
        inner *= size;
    }
}

typedef struct Product { const Num *a, *b; const Walk *walk; DType dtype; bool fused; } Product;

static Num add_product(const void *context, int64_t k, Num chain)
{
    const Product *p = context;
    return num_fma(p->dtype, p->a[p->walk->a[k]], p->b[p->walk->b[k]], chain, p->fused);
}

void eval_contract(Eval *e, const Node *n)
{
    const ContractAttr *c = n->attr.contract;
    const Array *a = eval_read(e, n->in[0]), *b = eval_read(e, n->in[1]);
    Array *y = eval_write(e, n, 0);
    Walk out = {.n = c->nout}, summed = {0};
    for (int k = 0; k < c->nout; k++) out.labels[k] = c->out[k];
    summed.n = summed_labels(c, summed.labels);
    walk_prepare(&out, e, c, a, b);
    walk_prepare(&summed, e, c, a, b);
    Order order = order_of_contract(n);
    DType t = n->out[0].type.dtype;
    for (int64_t j = 0; j < y->size; j++) {
        Product p = {a->at + out.a[j], b->at + out.b[j], &summed, t, e->in->fma};
        y->at[j] = num_sum(t, order, summed.size, add_product, &p);
    }
}
