/* plain.c: forward, backward and update by hand, one sample after another. */
#include "plain.h"
#include <math.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
typedef enum Act { RELU, SIGMOID } Act;

/* y[O] = act(x[I] @ w[I, O] + b[O]) */
INLINE void dense(int I, int O, Act act, const float *x, const float *w, const float *b, float *y)
{
    for (int o = 0; o < O; o++) y[o] = b[o];
    for (int i = 0; i < I; i++)
        for (int o = 0; o < O; o++) y[o] += x[i] * w[i * O + o];
    for (int o = 0; o < O; o++) y[o] = act == RELU ? (y[o] > 0 ? y[o] : 0) : 1 / (1 + expf(-y[o]));
}

/* dz[O] from dy[O]; then dw += x dz, db += dz, dx = dz w^T (dx may be NULL). */
INLINE void dense_back(int I, int O, Act act, const float *x, const float *y, const float *w, float *dy, float *dw,
                       float *db, float *dx)
{
    for (int o = 0; o < O; o++) dy[o] = act == RELU ? (y[o] > 0 ? dy[o] : 0) : dy[o] * y[o] * (1 - y[o]);
    for (int o = 0; o < O; o++) db[o] += dy[o];
    for (int i = 0; i < I; i++)
        for (int o = 0; o < O; o++) dw[i * O + o] += x[i] * dy[o];
    if (!dx) return;
    for (int i = 0; i < I; i++) {
        float s = 0;
        for (int o = 0; o < O; o++) s += dy[o] * w[i * O + o];
        dx[i] = s;
    }
}

typedef struct RingsValues {
    float h1[4], h2[6], h3[6], h4[4], p[1];
} RingsValues;

INLINE void rings_forward(const RingsNet *n, const float *x, RingsValues *h)
{
    dense(2, 4, RELU, x, n->w1[0], n->b1, h->h1);
    dense(4, 6, RELU, h->h1, n->w2[0], n->b2, h->h2);
    dense(6, 6, RELU, h->h2, n->w3[0], n->b3, h->h3);
    dense(6, 4, RELU, h->h3, n->w4[0], n->b4, h->h4);
    dense(4, 1, SIGMOID, h->h4, n->w5[0], n->b5, h->p);
}

void plain_rings_predict(const RingsNet *net, int n, const float *x, float *out)
{
    for (int i = 0; i < n; i++) {
        RingsValues h;
        rings_forward(net, x + 2 * i, &h);
        out[i] = h.p[0];
    }
}

static void rings_backward(const RingsNet *n, const float *x, const RingsValues *h, float dp, RingsNet *g)
{
    float d5[1] = {dp}, d4[4], d3[6], d2[6], d1[4];
    dense_back(4, 1, SIGMOID, h->h4, h->p, n->w5[0], d5, g->w5[0], g->b5, d4);
    dense_back(6, 4, RELU, h->h3, h->h4, n->w4[0], d4, g->w4[0], g->b4, d3);
    dense_back(6, 6, RELU, h->h2, h->h3, n->w3[0], d3, g->w3[0], g->b3, d2);
    dense_back(4, 6, RELU, h->h1, h->h2, n->w2[0], d2, g->w2[0], g->b2, d1);
    dense_back(2, 4, RELU, x, h->h1, n->w1[0], d1, g->w1[0], g->b1, NULL);
}

void plain_rings_step(RingsNet *net, RingsNet *m, RingsNet *v, int n, const float *x, const float *y, int step)
{
    RingsNet g;
    memset(&g, 0, sizeof g);
    for (int i = 0; i < n; i++) {
        RingsValues h;
        rings_forward(net, x + 2 * i, &h);
        float p = h.p[0];
        rings_backward(net, x + 2 * i, &h, (p - y[i]) / (p * (1 - p) + 1e-12f) / (float)n, &g);
    }
    float c1 = 1 - powf(0.9f, (float)step), c2 = 1 - powf(0.999f, (float)step);
    float *pp = net->w1[0], *pm = m->w1[0], *pv = v->w1[0], *pg = g.w1[0];
    for (size_t i = 0; i < sizeof g / sizeof(float); i++) {
        pm[i] = 0.9f * pm[i] + 0.1f * pg[i];
        pv[i] = 0.999f * pv[i] + 0.001f * pg[i] * pg[i];
        pp[i] -= 0.01f * (pm[i] / c1) / (sqrtf(pv[i] / c2) + 1e-8f);
    }
}

typedef struct DigitsValues {
    float x[784], h1[16], h2[16], p[10];
} DigitsValues;

INLINE void digits_forward(const DigitsNet *n, const unsigned char *image, DigitsValues *h)
{
    for (int i = 0; i < 784; i++) h->x[i] = (float)image[i] / 255;
    dense(784, 16, SIGMOID, h->x, n->w1[0], n->b1, h->h1);
    dense(16, 16, SIGMOID, h->h1, n->w2[0], n->b2, h->h2);
    dense(16, 10, SIGMOID, h->h2, n->w3[0], n->b3, h->p);
}

void plain_digits_predict(const DigitsNet *net, int n, const unsigned char *image, float *out)
{
    for (int i = 0; i < n; i++) {
        DigitsValues h;
        digits_forward(net, image + 784 * i, &h);
        memcpy(out + 10 * i, h.p, sizeof h.p);
    }
}

void plain_digits_step(DigitsNet *net, int n, const unsigned char *image, const int *y, float lr)
{
    static DigitsNet g;
    memset(&g, 0, sizeof g);
    for (int i = 0; i < n; i++) {
        DigitsValues h;
        float d3[10], d2[16], d1[16];
        digits_forward(net, image + 784 * i, &h);
        for (int o = 0; o < 10; o++) d3[o] = 2 * (h.p[o] - (o == y[i])) / (float)n;
        dense_back(16, 10, SIGMOID, h.h2, h.p, net->w3[0], d3, g.w3[0], g.b3, d2);
        dense_back(16, 16, SIGMOID, h.h1, h.h2, net->w2[0], d2, g.w2[0], g.b2, d1);
        dense_back(784, 16, SIGMOID, h.x, h.h1, net->w1[0], d1, g.w1[0], g.b1, NULL);
    }
    float *p = net->w1[0], *pg = g.w1[0];
    for (size_t i = 0; i < sizeof g / sizeof(float); i++) p[i] -= lr * pg[i];
}
