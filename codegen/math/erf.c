/* erf x = 2/sqrt(pi) * integral of e^(-t^2) from 0 to x: x + x Q(x^2) below 1; from there on 1 - e^(-x^2) G(u) with
   u = (x - a)/(x + b), which takes 1..end to a short interval around 0; from `end` on it is 1. Q and G are minimax. */
#include "codegen/math/math.h"

typedef struct ErfTable { Poly q, g; double a, b, end; } ErfTable;

static const double q32[] = {0x1.06eba8p-3, -0x1.81273ep-2, 0x1.ce2d2p-4, -0x1.b7fbb4p-6, 0x1.5419f6p-8,
                             -0x1.a485f6p-11, 0x1.4ae4eap-14};
static const double g32[] = {0x1.058672p-2, -0x1.b57036p-2, 0x1.eee9fap-3,
                             -0x1.438854p-4, 0x1.e8a0bap-9, 0x1.d88b58p-8};
static const double q64[] = {
    0x1.06eba8214db69p-3, -0x1.812746b0379e6p-2, 0x1.ce2f21a042b34p-4, -0x1.b82ce31284f38p-6,
    0x1.565bcd0dbd922p-8, -0x1.c02db3db4989dp-11, 0x1.f9a321e4bc150p-14, -0x1.f4d1e4351d222p-17,
    0x1.b9df306299835p-20, -0x1.5f1f4134f49bep-23, 0x1.f7b9a036e904bp-27, -0x1.38ac2bcb75734p-30,
    0x1.062774aa4295dp-34,
};
static const double g64[] = {
    0x1.afbb3f3b73435p-3, -0x1.a2b968ea24d50p-2, 0x1.61c150e59164dp-2, -0x1.d9f4239919721p-3,
    0x1.e302959ee8931p-4, -0x1.5055a042c34abp-5, 0x1.965a52d055f00p-8, 0x1.1503b88e403ecp-9,
    -0x1.402a0d5359af6p-10, -0x1.32c836ca36f3bp-15, 0x1.751692f5e57aep-13, 0x1.146ee6665b32ep-19,
    -0x1.3860f464404cap-16,
};
static const ErfTable erf32 = {{COUNT(q32), q32}, {COUNT(g32), g32}, 2, 2, 3.95};
static const ErfTable erf64 = {{COUNT(q64), q64}, {COUNT(g64), g64}, 2.5, 3, 6};

Val math_erf(const Math *m, Val x)
{
    const ErfTable *t = m->t == DT_F64 ? &erf64 : &erf32;
    Val near = vfma(m, x, vpoly(m, vmul(m, x, x), t->q), x);
    Val end = vreal(m, t->end), size = vabs(m, x);
    size = vpick(m, vless(m, end, size), end, size);
    Val u = vdiv(m, vsub(m, size, vreal(m, t->a)), vadd(m, size, vreal(m, t->b)));
    Val rest = vmul(m, math_exp(m, vneg(m, vmul(m, size, size))), vpoly(m, u, t->g));
    Val far = vsign_of(m, vsub(m, vreal(m, 1), rest), x);
    return vpick(m, vless(m, size, vreal(m, 1)), near, far);
}
