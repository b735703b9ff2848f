/* Places in tensors. An index follows a value back to what it reads: patterns split and join its axes, and where the
   elements keep their row-major order it is carried as one flat number. */
#include "codegen/cg.h"

const Index index_none = {0};

Ix ix_const(Cg *cg, int64_t v)
{
    return (Ix){const_i64(cg, v), IX_SAME, 0};
}

Ix ix_new(Cg *cg, LLVMValueRef at, IxKind kind)
{
    if (cg->kernel->lanes == 1) kind = IX_SAME;
    bool fixed = kind == IX_SAME && LLVMIsAConstantInt(at);
    return (Ix){at, kind, fixed ? 0 : cg->kernel->at};
}

LLVMValueRef ix_lanes(Cg *cg, Ix x)
{
    if (x.kind != IX_STEP) return x.at;
    int lanes = cg->kernel->lanes;
    int was = level_stand(cg, x.level);
    LLVMValueRef v = LLVMBuildAdd(cg->builder, splat(cg, x.at, lanes), const_iota(cg, cg->i64, lanes), "");
    level_stand(cg, was);
    return v;
}

static LLVMValueRef wide(Cg *cg, Ix x)
{
    return splat(cg, ix_lanes(cg, x), cg->kernel->lanes);
}

/* slow is the same in all lanes. */
static Ix join_same(Cg *cg, Ix slow, LLVMValueRef size, Ix fast)
{
    LLVMBuilderRef b = cg->builder;
    int was = level_stand(cg, slow.level);
    LLVMValueRef start = LLVMBuildNSWMul(b, slow.at, size, "");
    int level = slow.level > fast.level ? slow.level : fast.level;
    level_stand(cg, level);
    if (fast.kind == IX_EACH) start = splat(cg, start, cg->kernel->lanes);
    Ix x = {LLVMBuildNSWAdd(b, start, fast.at, ""), fast.kind, level};
    level_stand(cg, was);
    return x;
}

Ix ix_join(Cg *cg, Ix slow, const Dim *size, Ix fast)
{
    int64_t n;
    if (const_value(slow.at, &n) && n == 0 && slow.kind == IX_SAME) return fast;
    LLVMValueRef s = dim_value(cg, size);
    if (const_value(s, &n) && n == 1 && (fast.kind == IX_SAME || slow.kind != IX_SAME))
        return slow; /* but lanes along an axis of size 1 stay lanes, of which the mask keeps one */
    if (slow.kind == IX_SAME) return join_same(cg, slow, s, fast);
    int level = slow.level > fast.level ? slow.level : fast.level;
    int was = level_stand(cg, level);
    LLVMValueRef start = LLVMBuildMul(cg->builder, wide(cg, slow), splat(cg, s, cg->kernel->lanes), "");
    Ix x = {LLVMBuildAdd(cg->builder, start, wide(cg, fast), ""), IX_EACH, level};
    level_stand(cg, was);
    return x;
}

void ix_split(Cg *cg, Ix x, const Dim *size, Ix *out_slow, Ix *out_fast)
{
    int64_t n;
    LLVMValueRef s = dim_value(cg, size);
    if (const_value(s, &n) && n == 1) {
        *out_slow = x;
        *out_fast = ix_const(cg, 0);
        return;
    }
    int was = level_stand(cg, x.level);
    LLVMValueRef at = x.at;
    if (x.kind != IX_SAME) {
        at = wide(cg, x);
        s = splat(cg, s, cg->kernel->lanes);
    }
    IxKind kind = x.kind == IX_SAME ? IX_SAME : IX_EACH;
    *out_slow = (Ix){LLVMBuildUDiv(cg->builder, at, s, ""), kind, x.level};
    *out_fast = (Ix){LLVMBuildURem(cg->builder, at, s, ""), kind, x.level};
    level_stand(cg, was);
}

Ix ix_shift(Cg *cg, Ix x, const Dim *by, bool back)
{
    LLVMValueRef step = dim_value(cg, by);
    int was = level_stand(cg, x.level);
    step = splat(cg, step, lanes_of(x.at));
    Ix y = {back ? LLVMBuildSub(cg->builder, x.at, step, "") : LLVMBuildAdd(cg->builder, x.at, step, ""), x.kind,
            x.level};
    level_stand(cg, was);
    return y;
}

/* Neighbouring lanes run backwards then, or may meet. */
static Ix loosened(Ix x, LLVMValueRef at)
{
    return (Ix){at, x.kind == IX_SAME ? IX_SAME : IX_EACH, x.level};
}

Ix ix_mirror(Cg *cg, Ix x, const Dim *size)
{
    LLVMValueRef n = dim_value(cg, size), at = ix_lanes(cg, x);
    int was = level_stand(cg, x.level);
    LLVMValueRef last = splat(cg, LLVMBuildSub(cg->builder, n, const_i64(cg, 1), ""), lanes_of(at));
    Ix y = loosened(x, LLVMBuildSub(cg->builder, last, at, ""));
    level_stand(cg, was);
    return y;
}

Ix ix_clamp(Cg *cg, Ix x, const Dim *size)
{
    LLVMBuilderRef b = cg->builder;
    LLVMValueRef n = dim_value(cg, size), at = ix_lanes(cg, x), zero = splat(cg, const_i64(cg, 0), lanes_of(at));
    int was = level_stand(cg, x.level);
    LLVMValueRef last = splat(cg, LLVMBuildSub(b, n, const_i64(cg, 1), ""), lanes_of(at));
    at = LLVMBuildSelect(b, LLVMBuildICmp(b, LLVMIntSLT, at, zero, ""), zero, at, "");
    at = LLVMBuildSelect(b, LLVMBuildICmp(b, LLVMIntSGT, at, last, ""), last, at, "");
    level_stand(cg, was);
    return loosened(x, at);
}

LLVMValueRef ix_below(Cg *cg, Ix x, const Dim *size)
{
    LLVMValueRef n = dim_value(cg, size), at = ix_lanes(cg, x);
    int was = level_stand(cg, x.level);
    LLVMValueRef is = LLVMBuildICmp(cg->builder, LLVMIntULT, at, splat(cg, n, lanes_of(at)), "");
    level_stand(cg, was);
    return is;
}

Ix index_flatten(Cg *cg, Type t, const Index *ix)
{
    if (ix->flat) return ix->at[0];
    Ix x = ix_const(cg, 0);
    for (int i = 0; i < t.rank; i++) x = ix_join(cg, x, t.axes[i].dim, ix->at[i]);
    return x;
}

Index index_spread(Cg *cg, Type t, const Index *ix)
{
    if (!ix->flat) return *ix;
    Index out = {.rank = t.rank};
    Ix rest = ix->at[0];
    for (int i = t.rank; i-- > 1;) ix_split(cg, rest, t.axes[i].dim, &rest, &out.at[i]);
    if (t.rank > 0) out.at[0] = rest;
    return out;
}

int index_level(const Index *ix)
{
    int level = 0;
    for (int i = 0; i < ix->rank; i++)
        if (ix->at[i].level > level) level = ix->at[i].level;
    return level;
}
