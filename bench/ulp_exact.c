/* The functions in f64, over arrays: a file of its own, since -ffast-math lets the C compiler take the C library's
   vector functions, whose errors of a few f64 places are nothing beside an f32's. */
#include <math.h>

/* Beyond `end` the result is as it is there, to an f32; vector functions hand larger numbers to slower ones. */
static inline double within(double x, double end)
{
    return x > end ? end : x < -end ? -end : x;
}

#define FUNCTION(name, formula, low)                                  \
    void exact_##name(const float *in, double *out, int n);           \
    void exact_##name(const float *in, double *out, int n)            \
    {                                                                 \
        for (int i = 0; i < n; i++) {                                 \
            double x = in[i];                                         \
            out[i] = formula;                                         \
        }                                                             \
    }
#include "ulp.def"
