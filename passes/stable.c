/* stable.c: logarithms of probabilities, written so that no digit is lost where the probability is near 0 or 1:
       log(softmax(z))      z - max - log(sum(exp(z - max)))
       log(sigmoid(z))      min(z, 0) - log1p(exp(min(z, -z)))
       log(1 - sigmoid(z))  -max(0, z) - log1p(exp(min(z, -z)))
       log(select(c, 1, p)) select(c, 0, log(p)), and likewise for another number and for log(1 - ...)
   The operands of min and max are ordered so that at z = 0, where both halves meet, every slope is that of z > 0: the
   gradient of the whole is right there too. The logarithm finds the probability through picks, patterns and calls; a
   call's body is copied to the logarithm, so that loss and activation become one function with one gradient. */
#include "passes/pass.h"
#include <math.h>

typedef enum Form { FORM_NONE, FORM_SIGMOID, FORM_COMPLEMENT, FORM_SOFTMAX } Form;

static const char *const counters[] = {NULL, "stable.log_sigmoid", "stable.log_complement", "stable.log_softmax"};

/* ---- matching ---- */

/* e / sum(e), the sum spread over the axes that it was taken along; e = exp(a). Gives the sum. */
static Node *match_softmax(const Node *div)
{
    Node *e = div->in[0]->def, *spread = div->in[1]->def;
    Node *sum = spread->op == OP_MOVE ? spread->in[0]->def : spread;
    if (e->op != OP_EXP || sum->op != OP_SUM || sum->in[0] != e->out) return NULL;
    if (sum == spread) return sum->out->type.rank == 0 ? sum : NULL;
    return pattern_is_spread(spread->attr.move, sum->attr.reduce.axes) ? sum : NULL;
}

static Value *returned(const Value *call)
{
    return call->def->region->last->in[call->index];
}

/* A whole tensor of ones says how large the result is, which a lone p beside it does not. */
static bool is_one_minus(const Node *n)
{
    double c;
    return n->op == OP_SUB && value_is_const(n->in[0], &c) && c == 1 && n->in[1]->type.rank == n->out->type.rank;
}

/* What p, or 1 - p, is the probability of. */
static Form find_form(const Value *p, bool complement)
{
    const Node *n = p->def;
    switch (n->op) {
    case OP_SIGMOID: return complement ? FORM_COMPLEMENT : FORM_SIGMOID;
    case OP_DIV: return !complement && match_softmax(n) ? FORM_SOFTMAX : FORM_NONE;
    case OP_SUB: return !complement && is_one_minus(n) ? find_form(n->in[1], true) : FORM_NONE;
    case OP_PICK:
    case OP_MOVE: return find_form(n->in[0], complement);
    case OP_CALL: return find_form(returned(p), complement);
    case OP_SELECT: return value_is_const(n->in[1], NULL) ? find_form(n->in[2], complement) : FORM_NONE;
    default: return FORM_NONE;
    }
}

/* ---- writing ---- */

static Value *log_sigmoid(Build *b, Value *z, bool complement)
{
    Value *zero = build_const(b, z->type.dtype, 0), *below = build_2(b, OP_MIN2, z, build_1(b, OP_NEG, z));
    Value *tail = build_1(b, OP_LOG1P, build_1(b, OP_EXP, below));
    Value *head = complement ? build_1(b, OP_NEG, build_2(b, OP_MAX2, zero, z)) : build_2(b, OP_MIN2, z, zero);
    return build_2(b, OP_SUB, head, tail);
}

static Value *past_detach(Value *v)
{
    return v->def->op == OP_DETACH ? v->def->in[0] : v;
}

/* a - max(a), its maximum spread: already as it should be. */
static bool is_shifted(const Value *a, uint32_t axes)
{
    if (a->def->op != OP_SUB) return false;
    Value *m = past_detach(a->def->in[1]);
    if (m->def->op == OP_MOVE && pattern_is_spread(m->def->attr.move, axes)) m = past_detach(m->def->in[0]);
    return m->def->op == OP_MAX && m->def->attr.reduce.axes == axes && m->def->in[0] == a->def->in[0];
}

static Value *log_softmax(Build *b, const Node *div)
{
    Node *sum = match_softmax(div);
    Value *a = div->in[0]->def->in[0], *total = sum->out;
    uint32_t axes = sum->attr.reduce.axes;
    if (!is_shifted(a, axes)) {
        Value *most = build_1(b, OP_DETACH, build_reduce(b, OP_MAX, a, axes));
        a = build_2(b, OP_SUB, a, build_spread(b, most, a->type, axes));
        total = build_reduce(b, OP_SUM, build_1(b, OP_EXP, a), axes);
    }
    return build_2(b, OP_SUB, a, build_spread(b, build_1(b, OP_LOG, total), a->type, axes));
}

static Value *write_log(Build *b, Value *p, bool complement, Arena *scratch);

/* log of a choice between a number and p is the choice of their logarithms. */
static Value *log_choice(Build *b, const Node *choice, bool complement, Arena *scratch)
{
    double c = 0;
    value_is_const(choice->in[1], &c);
    Value *number = build_fill(b, choice->in[1]->type, log(complement ? 1 - c : c));
    return build_3(b, OP_SELECT, choice->in[0], number, write_log(b, choice->in[2], complement, scratch));
}

/* log p, or log(1 - p), for a p that has a form. */
static Value *write_log(Build *b, Value *p, bool complement, Arena *scratch)
{
    Node *n = p->def;
    switch (n->op) {
    case OP_SIGMOID: return log_sigmoid(b, n->in[0], complement);
    case OP_DIV: return log_softmax(b, n);
    case OP_SUB: return write_log(b, n->in[1], true, scratch);
    case OP_PICK: return build_2(b, OP_PICK, write_log(b, n->in[0], complement, scratch), n->in[1]);
    case OP_MOVE: return build_move(b, write_log(b, n->in[0], complement, scratch), n->attr.move);
    case OP_SELECT: return log_choice(b, n, complement, scratch);
    default: return write_log(b, call_copy(p, b, scratch), complement, scratch);
    }
}

/* ---- the walk ---- */

static long rewrite_block(Block *block, Arena *scratch)
{
    long count = 0;
    for (Node *n = block->first; n; n = n->next) {
        if (n->region) count += rewrite_block(n->region, scratch);
        if (n->op != OP_LOG || n->out->uses.n == 0) continue;
        Form form = find_form(n->in[0], false);
        if (form == FORM_NONE) continue;
        Build b = {block, n, n->site};
        Value *now = write_log(&b, n->in[0], false, scratch);
        now->name = now->name ? now->name : n->out->name;
        value_replace(n->out, now);
        pass_count(counters[form], 1);
        count++;
    }
    return count;
}

long rewrite_stable(Graph *g, Arena *scratch)
{
    return rewrite_block(g->body, scratch);
}
