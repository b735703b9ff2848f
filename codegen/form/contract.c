/* CONTRACT: a tile of rows times vectors is held in registers while the summed labels run. Rows go along the last but
   one axis of the result, vectors along the last (where that has size 1, along the one before it); chains and blocks
   follow the declared order, whatever the tile. */
#include "codegen/cg.h"

enum { MAX_ROWS = 8, MAX_VECTORS = 4 };
typedef struct Contract {
    const Node *node;
    const ContractAttr *attr;
    int summed[2 * MAX_RANK], nsummed; /* labels, slowest first */
    const Dim *depth_dim;              /* their sizes multiplied */
    LLVMValueRef depth;
    int chains;
    int64_t block;
    int col_axis, row_axis;            /* of the result, where vectors and rows go; -1: there is none */
    int max_rows, max_vectors;
    LLVMValueRef lo, hi;               /* of the first axis */
    Index ix;                          /* of the result; rows and columns are set by the tile */
    /* the tile */
    int rows, vectors;
    Ix row[MAX_ROWS], col[MAX_VECTORS];
    LLVMValueRef masks[MAX_VECTORS];
    LLVMValueRef first_col;            /* of the present strip of columns */
    int strip;                         /* its vectors */
    LLVMValueRef to;                   /* where the present span of k ends */
} Contract;

/* ---- operands ---- */
static void set_labels(const Contract *c, Ix *labels)
{
    for (int i = 0; i < c->attr->nout; i++) labels[c->attr->out[i]] = c->ix.at[i];
}

static void split_depth(Cg *cg, const Contract *c, Ix k, Ix *labels)
{
    for (int i = c->nsummed; i-- > 1;) ix_split(cg, k, c->attr->sizes[c->summed[i]], &k, &labels[c->summed[i]]);
    if (c->nsummed) labels[c->summed[0]] = k;
}

static LLVMValueRef operand(Cg *cg, const Contract *c, int slot, const Ix *labels)
{
    const int *axes = slot ? c->attr->b : c->attr->a;
    Index ix = {.rank = slot ? c->attr->nb : c->attr->na};
    for (int i = 0; i < ix.rank; i++) ix.at[i] = labels[axes[i]];
    return pull(cg, c->node->in[slot], &ix);
}

static void place_tile(Cg *cg, Contract *c, int row, int vector)
{
    if (c->row_axis >= 0) c->ix.at[c->row_axis] = c->row[row];
    if (c->col_axis >= 0) c->ix.at[c->col_axis] = c->col[vector];
    for (int i = c->col_axis + 1; i < c->attr->nout; i++) c->ix.at[i] = ix_const(cg, 0);
    c->ix.rank = c->attr->nout;
    cg->kernel->mask = c->masks[vector];
}

/* ---- the sum ---- */
static LLVMValueRef add_product(Cg *cg, const Contract *c, LLVMValueRef a, LLVMValueRef b, LLVMValueRef sum)
{
    int lanes = lanes_of(sum);
    a = splat(cg, a, lanes);
    b = splat(cg, b, lanes);
    if (dtype_is_float(c->node->out[0].type.dtype)) return multiply_add(cg, a, b, sum);
    return LLVMBuildAdd(cg->builder, LLVMBuildMul(cg->builder, a, b, ""), sum, "");
}

/* One element of every chain of one number: product k of all rows and vectors. */
static void tile_product(Cg *cg, Contract *c, Ix k, int chain, Carry *sums)
{
    for (int r = 0; r < c->rows; r++)
        for (int v = 0; v < c->vectors; v++) {
            Ix labels[3 * MAX_RANK];
            LLVMValueRef *sum = &sums->at[(r * c->vectors + v) * c->chains + chain];
            place_tile(cg, c, r, v);
            split_depth(cg, c, k, labels);
            set_labels(c, labels);
            LLVMValueRef a = operand(cg, c, 0, labels), b = operand(cg, c, 1, labels);
            *sum = add_product(cg, c, a, b, *sum);
        }
    cg->kernel->mask = NULL;
}

static void depth_step(Cg *cg, LLVMValueRef k, Carry *sums, void *context)
{
    Contract *c = context;
    for (int chain = 0; chain < c->chains; chain++) {
        LLVMValueRef at = LLVMBuildNSWAdd(cg->builder, k, const_i64(cg, chain), "");
        tile_product(cg, c, ix_new(cg, at, IX_SAME), chain, sums);
    }
}

typedef struct DepthTail { Contract *c; LLVMValueRef k; int chain; } DepthTail;

static void depth_tail(Cg *cg, LLVMValueRef none, Carry *sums, void *context)
{
    DepthTail *t = context;
    (void)none;
    tile_product(cg, t->c, ix_new(cg, t->k, IX_SAME), t->chain, sums);
}

static LLVMTypeRef sum_type(Cg *cg, const Contract *c)
{
    return lane_type(cg, c->node->out[0].type.dtype, cg->kernel->lanes);
}

static LLVMValueRef add(Cg *cg, const Contract *c, LLVMValueRef x, LLVMValueRef y)
{
    bool real = dtype_is_float(c->node->out[0].type.dtype);
    return real ? LLVMBuildFAdd(cg->builder, x, y, "") : LLVMBuildAdd(cg->builder, x, y, "");
}

/* Chain i with i + S/2, then S/4. */
static LLVMValueRef join_sums(Cg *cg, const Contract *c, LLVMValueRef *chains)
{
    for (int half = c->chains / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) chains[i] = add(cg, c, chains[i], chains[i + half]);
    return chains[0];
}

/* The products from..to-1; out: a sum for each row and vector. */
static void depth_span(Cg *cg, Contract *c, LLVMValueRef from, LLVMValueRef to, LLVMValueRef *out)
{
    LLVMBuilderRef b = cg->builder;
    Carry sums = {.n = c->rows * c->vectors * c->chains};
    for (int i = 0; i < sums.n; i++) sums.at[i] = LLVMConstNull(sum_type(cg, c));
    LLVMValueRef count = LLVMBuildNSWSub(b, to, from, "");
    LLVMValueRef whole = LLVMBuildNSWAdd(b, from, LLVMBuildAnd(b, count, const_i64(cg, -c->chains), ""), "");
    loop_each(cg, from, whole, c->chains, &sums, depth_step, c);
    for (int chain = 0; chain < c->chains - 1; chain++) {
        LLVMValueRef k = LLVMBuildNSWAdd(b, whole, const_i64(cg, chain), "");
        DepthTail tail = {c, k, chain};
        loop_when(cg, LLVMBuildICmp(b, LLVMIntSLT, k, to, ""), &sums, depth_tail, &tail);
    }
    for (int i = 0; i < c->rows * c->vectors; i++) out[i] = join_sums(cg, c, &sums.at[i * c->chains]);
}

static void depth_block(Cg *cg, LLVMValueRef from, Carry *totals, void *context)
{
    Contract *c = context;
    LLVMBuilderRef b = cg->builder;
    LLVMValueRef sums[MAX_ROWS * MAX_VECTORS];
    LLVMValueRef to = LLVMBuildNSWAdd(b, from, const_i64(cg, c->block), "");
    to = LLVMBuildSelect(b, LLVMBuildICmp(b, LLVMIntSLT, to, c->depth, ""), to, c->depth, "");
    depth_span(cg, c, from, to, sums);
    for (int i = 0; i < totals->n; i++) totals->at[i] = add(cg, c, totals->at[i], sums[i]);
}

/* Blocks join ascending; they are added to -0, which leaves the first as it is. */
static void depth_blocks(Cg *cg, Contract *c, LLVMValueRef *out)
{
    DType t = c->node->out[0].type.dtype;
    Carry totals = {.n = c->rows * c->vectors};
    for (int i = 0; i < totals.n; i++)
        totals.at[i] = const_number(cg, t, dtype_is_float(t) ? -0.0 : 0, cg->kernel->lanes);
    loop_each(cg, const_i64(cg, 0), c->depth, c->block, &totals, depth_block, c);
    for (int i = 0; i < totals.n; i++) out[i] = totals.at[i];
}

/* ---- tiles ---- */
static void tile_emit(Cg *cg, Contract *c)
{
    LLVMValueRef sums[MAX_ROWS * MAX_VECTORS];
    if (c->block)
        depth_blocks(cg, c, sums);
    else
        depth_span(cg, c, const_i64(cg, 0), c->depth, sums);
    for (int r = 0; r < c->rows; r++)
        for (int v = 0; v < c->vectors; v++) {
            place_tile(cg, c, r, v);
            pull_give(cg, &c->node->out[0], sums[r * c->vectors + v]);
            store_results(cg, c->ix.rank, &c->ix);
        }
    cg->kernel->mask = NULL;
}

/* The columns of the tile, made where its rows are known, so that they belong to the same loop. */
static void set_columns(Cg *cg, Contract *c, LLVMValueRef mask)
{
    c->vectors = c->strip;
    for (int v = 0; v < c->vectors; v++) {
        LLVMValueRef at = LLVMBuildNSWAdd(cg->builder, c->first_col, const_i64(cg, v * cg->kernel->lanes), "");
        c->col[v] = ix_new(cg, at, IX_STEP);
        c->masks[v] = v == c->vectors - 1 ? mask : NULL;
    }
}

static void tile_rows(Cg *cg, LLVMValueRef i, Carry *carry, void *context)
{
    Contract *c = context;
    (void)carry;
    for (int r = 0; r < c->rows; r++)
        c->row[r] = ix_new(cg, LLVMBuildNSWAdd(cg->builder, i, const_i64(cg, r), ""), IX_SAME);
    tile_emit(cg, c);
}

/* The first axis is bounded by the worker's rows. */
static LLVMValueRef axis_start(Cg *cg, const Contract *c, int axis)
{
    return axis == 0 ? c->lo : const_i64(cg, 0);
}

static LLVMValueRef axis_end(Cg *cg, const Contract *c, int axis)
{
    return axis == 0 ? c->hi : dim_value(cg, c->attr->sizes[c->attr->out[axis]]);
}

/* The next smaller tile. One row alone keeps the machine busy where it has several chains. */
static int fewer_rows(const Contract *c)
{
    return c->rows == 1 ? 0 : c->rows > 3 && c->chains == 1 ? 2 : 1;
}

/* All rows over one strip of columns: the largest tiles first, then ever smaller ones. */
static void strip_emit(Cg *cg, Contract *c, LLVMValueRef mask)
{
    LLVMBuilderRef b = cg->builder;
    set_columns(cg, c, mask);
    if (c->row_axis < 0) {
        c->rows = 1;
        tile_emit(cg, c);
        return;
    }
    LLVMValueRef from = axis_start(cg, c, c->row_axis), to = axis_end(cg, c, c->row_axis);
    for (c->rows = c->max_rows; c->rows > 0; c->rows = fewer_rows(c)) {
        LLVMValueRef count = LLVMBuildNSWSub(b, to, from, "");
        LLVMValueRef left = LLVMBuildURem(b, count, const_i64(cg, c->rows), "");
        LLVMValueRef whole = LLVMBuildNSWSub(b, to, left, "");
        loop_each(cg, from, whole, c->rows, NULL, tile_rows, c);
        from = whole;
    }
}

static void strip_full(Cg *cg, LLVMValueRef i, Carry *carry, void *context)
{
    Contract *c = context;
    (void)carry;
    c->first_col = i;
    strip_emit(cg, c, NULL);
}

static void strip_single(Cg *cg, LLVMValueRef i, Carry *carry, void *context)
{
    Contract *c = context;
    (void)carry;
    LLVMValueRef mask = cg->kernel->mask;
    cg->kernel->mask = NULL;
    c->first_col = i;
    c->strip = 1;
    strip_emit(cg, c, mask);
}

/* Columns left over, of a known number: one strip, masked in its last vector. */
static void strip_rest(Cg *cg, Contract *c, int64_t from, int64_t count)
{
    int lanes = cg->kernel->lanes, rest = (int)(count % lanes);
    c->strip = (int)((count + lanes - 1) / lanes);
    c->first_col = const_i64(cg, from);
    LLVMValueRef mask = NULL;
    if (rest) {
        LLVMValueRef limit = splat(cg, LLVMConstInt(cg->i32, (unsigned)rest, false), lanes);
        mask = LLVMBuildICmp(cg->builder, LLVMIntULT, const_iota(cg, cg->i32, lanes), limit, "");
    }
    strip_emit(cg, c, mask);
}

typedef struct Rest { Contract *c; LLVMValueRef from, to; } Rest;

static void rest_masked(Cg *cg, LLVMValueRef none, Carry *carry, void *context)
{
    Rest *r = context;
    (void)none;
    loop_tail(cg, r->from, r->to, carry, strip_single, r->c);
}

static void rest_single(Cg *cg, LLVMValueRef none, Carry *carry, void *context)
{
    Rest *r = context;
    int lanes = cg->kernel->lanes;
    (void)none;
    cg->kernel->lanes = 1;
    loop_each(cg, r->from, r->to, 1, carry, strip_full, r->c);
    cg->kernel->lanes = lanes;
}

/* Less than a vector of gathered columns: one or two are faster alone, as a batch of one is. */
static void columns_rest(Cg *cg, Contract *c, LLVMValueRef from, LLVMValueRef to)
{
    LLVMBuilderRef b = cg->builder;
    Rest rest = {c, from, to};
    LLVMValueRef many = LLVMBuildICmp(b, LLVMIntSGT, LLVMBuildNSWSub(b, to, from, ""), const_i64(cg, 2), "");
    c->strip = 1;
    loop_when(cg, many, NULL, rest_masked, &rest);
    loop_when(cg, LLVMBuildNot(b, many, ""), NULL, rest_single, &rest);
}

/* All columns for one index of the axes before rows and columns. */
static void columns_emit(Cg *cg, void *context)
{
    Contract *c = context;
    LLVMBuilderRef b = cg->builder;
    int64_t wide = (int64_t)c->max_vectors * cg->kernel->lanes, known;
    if (c->col_axis < 0) {
        c->first_col = const_i64(cg, 0);
        c->strip = 1;
        strip_emit(cg, c, NULL);
        return;
    }
    LLVMValueRef from = axis_start(cg, c, c->col_axis), to = axis_end(cg, c, c->col_axis);
    LLVMValueRef count = LLVMBuildNSWSub(b, to, from, "");
    LLVMValueRef whole = LLVMBuildNSWSub(b, to, LLVMBuildURem(b, count, const_i64(cg, wide), ""), "");
    c->strip = c->max_vectors;
    loop_each(cg, from, whole, wide, NULL, strip_full, c);
    if (!const_value(count, &known) && cg->kernel->lanes > 1 && c->col_axis < c->attr->nout - 1)
        columns_rest(cg, c, whole, to);
    else if (!const_value(count, &known))
        loop_lanes(cg, whole, to, NULL, strip_single, c);
    else if (known % wide)
        strip_rest(cg, c, known - known % wide, known % wide);
}

/* ---- the shape of the tile ---- */
/* Along the last axis operands lie in memory as vectors. Where it has size 1, what follows the sum is worth more as
   vectors along the axis before it, if the sum is short: its operands are then gathered. */
int contract_column(const Node *n)
{
    enum { SHORT_SUM = 32 };
    const ContractAttr *c = n->attr.contract;
    int64_t width, depth = 1, size;
    int last = c->nout - 1;
    if (last < 1 || !dim_known(c->sizes[c->out[last]], &width) || width != 1) return last;
    for (int i = 0; i < c->nlabels; i++) {
        if (!label_is_summed(c, i)) continue;
        if (!dim_known(c->sizes[i], &size)) return last;
        depth *= size;
    }
    return depth <= SHORT_SUM ? last - 1 : last;
}

static int at_most(int n, int64_t limit)
{
    return n < limit ? n : (int)limit;
}

static void choose_tile(Cg *cg, Contract *c)
{
    int sums = cg->target->registers > 16 ? 24 : 12;
    int64_t width = 1, height;
    bool last = c->col_axis == c->attr->nout - 1;
    c->max_vectors = !last || c->col_axis < 0 ? 1 : cg->target->registers > 16 ? 4 : 2;
    if (c->col_axis >= 0 && dim_known(c->attr->sizes[c->attr->out[c->col_axis]], &width))
        c->max_vectors = at_most(c->max_vectors, (width + cg->kernel->lanes - 1) / cg->kernel->lanes);
    while (c->max_vectors > 1 && c->max_vectors * c->chains * 2 > sums) c->max_vectors--;
    c->max_rows = at_most(sums / (c->max_vectors * c->chains), MAX_ROWS);
    if (c->row_axis >= 0 && dim_known(c->attr->sizes[c->attr->out[c->row_axis]], &height))
        c->max_rows = at_most(c->max_rows, height);
    if (c->max_rows < 1 || c->row_axis < 0) c->max_rows = 1;
}

static void find_summed(Cg *cg, Contract *c)
{
    Dims *ds = cg->program->dims;
    c->nsummed = summed_labels(c->attr, c->summed);
    c->depth_dim = dim_const(ds, 1);
    for (int i = 0; i < c->nsummed; i++) c->depth_dim = dim_mul(ds, c->depth_dim, c->attr->sizes[c->summed[i]]);
}

void form_contract(Cg *cg, LLVMValueRef lo, LLVMValueRef hi)
{
    const Node *n = cg->kernel->node->region->first;
    while (n->op != OP_CONTRACT) n = n->next;
    Contract c = {.node = n, .attr = n->attr.contract, .lo = lo, .hi = hi};
    Order order = order_of_contract(n);
    c.chains = order.chains;
    c.block = order.block;
    find_summed(cg, &c);
    c.depth = dim_value(cg, c.depth_dim);
    c.col_axis = contract_column(n);
    c.row_axis = c.col_axis - 1 >= 0 ? c.col_axis - 1 : -1;
    choose_tile(cg, &c);
    loop_prefix(cg, lo, hi, c.row_axis > 0 ? c.row_axis : 0, &c.ix, columns_emit, &c);
}
