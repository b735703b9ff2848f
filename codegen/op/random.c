/* Random draws: Philox4x32-10 over the place of the number, so that no order of computation changes one. */
#include "codegen/cg.h"

static LLVMValueRef word(Cg *cg, uint32_t v, int lanes)
{
    return splat(cg, LLVMConstInt(cg->i32, v, false), lanes);
}

/* a*m as its low and high word. */
static void multiply_words(Cg *cg, LLVMValueRef a, uint32_t m, int lanes, LLVMValueRef *low, LLVMValueRef *high)
{
    LLVMBuilderRef b = cg->builder;
    LLVMTypeRef wide = lane_type(cg, DT_I64, lanes), narrow = lane_type(cg, DT_I32, lanes);
    LLVMValueRef factor = splat(cg, const_i64(cg, m), lanes);
    LLVMValueRef p = LLVMBuildMul(b, LLVMBuildZExt(b, a, wide, ""), factor, "");
    *low = LLVMBuildTrunc(b, p, narrow, "");
    *high = LLVMBuildTrunc(b, LLVMBuildLShr(b, p, splat(cg, const_i64(cg, 32), lanes), ""), narrow, "");
}

static void philox(Cg *cg, LLVMValueRef c[4], LLVMValueRef key[2], int lanes)
{
    LLVMBuilderRef b = cg->builder;
    for (int round = 0; round < 10; round++) {
        LLVMValueRef low0, high0, low1, high1;
        multiply_words(cg, c[0], 0xD2511F53u, lanes, &low0, &high0);
        multiply_words(cg, c[2], 0xCD9E8D57u, lanes, &low1, &high1);
        c[0] = LLVMBuildXor(b, LLVMBuildXor(b, high1, c[1], ""), key[0], "");
        c[2] = LLVMBuildXor(b, LLVMBuildXor(b, high0, c[3], ""), key[1], "");
        c[1] = low1;
        c[3] = low0;
        key[0] = LLVMBuildAdd(b, key[0], word(cg, 0x9E3779B9u, lanes), "");
        key[1] = LLVMBuildAdd(b, key[1], word(cg, 0xBB67AE85u, lanes), "");
    }
}

/* Where the sample axis comes first, the row counts from the first sample, and elements within the row. */
static void find_place(Cg *cg, Type t, const Index *ix, LLVMValueRef *element, LLVMValueRef *row)
{
    if (!random_by_row(cg->kernel->graph, t)) {
        *element = ix_lanes(cg, index_flatten(cg, t, ix));
        *row = const_i64(cg, 0);
        return;
    }
    Index at = index_spread(cg, t, ix);
    Ix first = at.at[0];
    at.at[0] = ix_const(cg, 0);
    *element = ix_lanes(cg, index_flatten(cg, t, &at));
    *row = ix_lanes(cg, first);
    LLVMValueRef sample = splat(cg, frame_load(cg, FRAME_FIRST_SAMPLE, cg->i64), lanes_of(*row));
    *row = LLVMBuildAdd(cg->builder, *row, sample, "");
}

static void draw_words(Cg *cg, const Node *n, const Index *ix, LLVMValueRef out[4], int *out_lanes)
{
    LLVMBuilderRef b = cg->builder;
    uint64_t stream = n->attr.random.stream;
    LLVMValueRef element, row;
    find_place(cg, n->out[0].type, ix, &element, &row);
    int lanes = lanes_of(element) > lanes_of(row) ? lanes_of(element) : lanes_of(row);
    LLVMTypeRef narrow = lane_type(cg, DT_I32, lanes);
    LLVMValueRef step = frame_load(cg, FRAME_STEP, cg->i64), seed = frame_load(cg, FRAME_SEED, cg->i64);
    LLVMValueRef seed_high = LLVMBuildTrunc(b, LLVMBuildLShr(b, seed, const_i64(cg, 32), ""), cg->i32, "");
    LLVMValueRef key[2] = {splat(cg, LLVMBuildTrunc(b, seed, cg->i32, ""), lanes),
                           LLVMBuildXor(b, splat(cg, seed_high, lanes), word(cg, (uint32_t)(stream >> 32), lanes), "")};
    out[0] = LLVMBuildTrunc(b, splat(cg, element, lanes), narrow, "");
    out[1] = LLVMBuildTrunc(b, splat(cg, row, lanes), narrow, "");
    out[2] = splat(cg, LLVMBuildTrunc(b, step, cg->i32, ""), lanes);
    out[3] = word(cg, (uint32_t)stream, lanes);
    philox(cg, out, key, lanes);
    *out_lanes = lanes;
}

/* word >> shift as a number of dtype t. */
static LLVMValueRef word_number(Cg *cg, LLVMValueRef v, unsigned shift, DType t, int lanes)
{
    v = LLVMBuildLShr(cg->builder, v, word(cg, shift, lanes), "");
    v = LLVMBuildZExt(cg->builder, v, lane_type(cg, DT_I64, lanes), "");
    return LLVMBuildSIToFP(cg->builder, v, lane_type(cg, t, lanes), "");
}

/* In [0, 1): 24 bits in f32, 53 in f64. */
static LLVMValueRef unit_number(Cg *cg, LLVMValueRef words[4], DType t, int lanes)
{
    LLVMBuilderRef b = cg->builder;
    if (t == DT_F32)
        return LLVMBuildFMul(b, word_number(cg, words[0], 8, t, lanes), const_number(cg, t, 0x1p-24, lanes), "");
    LLVMValueRef high = word_number(cg, words[0], 5, t, lanes), low = word_number(cg, words[1], 6, t, lanes);
    LLVMValueRef sum = LLVMBuildFAdd(b, LLVMBuildFMul(b, high, const_number(cg, t, 0x1p26, lanes), ""), low, "");
    return LLVMBuildFMul(b, sum, const_number(cg, t, 0x1p-53, lanes), "");
}

/* Box and Muller, in f64. */
static LLVMValueRef normal_number(Cg *cg, LLVMValueRef words[4], int lanes)
{
    LLVMBuilderRef b = cg->builder;
    LLVMValueRef one = const_number(cg, DT_F64, 1, lanes), scale = const_number(cg, DT_F64, 0x1p-32, lanes);
    LLVMValueRef w1 = word_number(cg, words[0], 0, DT_F64, lanes), w2 = word_number(cg, words[1], 0, DT_F64, lanes);
    LLVMValueRef u1 = LLVMBuildFMul(b, LLVMBuildFAdd(b, w1, one, ""), scale, ""), u2 = LLVMBuildFMul(b, w2, scale, "");
    LLVMValueRef minus2 = const_number(cg, DT_F64, -2, lanes);
    LLVMValueRef turn = const_number(cg, DT_F64, 6.283185307179586, lanes);
    LLVMValueRef radius = math_sqrt(cg, LLVMBuildFMul(b, minus2, math_log(cg, u1, DT_F64, lanes), ""), DT_F64, lanes);
    LLVMValueRef wave = math_cos(cg, LLVMBuildFMul(b, turn, u2, ""), DT_F64, lanes);
    return LLVMBuildFMul(b, radius, wave, "");
}

static LLVMValueRef as_f64(Cg *cg, LLVMValueRef v, DType t, int lanes)
{
    v = splat(cg, v, lanes);
    return t == DT_F64 ? v : LLVMBuildFPExt(cg->builder, v, lane_type(cg, DT_F64, lanes), "");
}

LLVMValueRef emit_random(Cg *cg, const Node *n, const Index *ix)
{
    LLVMBuilderRef b = cg->builder;
    DType t = n->out[0].type.dtype;
    LLVMValueRef words[4], first = pull(cg, n->in[0], ix), second = pull(cg, n->in[1], ix);
    int lanes;
    draw_words(cg, n, ix, words, &lanes);
    if (n->op == OP_NORMAL) {
        LLVMValueRef std = as_f64(cg, first, t, lanes), mean = as_f64(cg, second, t, lanes);
        LLVMValueRef v = LLVMBuildFMul(b, std, normal_number(cg, words, lanes), "");
        v = LLVMBuildFAdd(b, mean, v, "");
        return t == DT_F64 ? v : LLVMBuildFPTrunc(b, v, lane_type(cg, t, lanes), "");
    }
    LLVMValueRef low = splat(cg, first, lanes), high = splat(cg, second, lanes);
    LLVMValueRef reach = LLVMBuildFMul(b, LLVMBuildFSub(b, high, low, ""), unit_number(cg, words, t, lanes), "");
    return LLVMBuildFAdd(b, low, reach, "");
}
