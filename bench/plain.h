/* plain.h: the two example networks as an engineer would write them in C: loops over arrays of known size. */
#ifndef PLAIN_H
#define PLAIN_H
typedef struct RingsNet {
    float w1[2][4], b1[4], w2[4][6], b2[6], w3[6][6], b3[6], w4[6][4], b4[4], w5[4][1], b5[1];
} RingsNet;
typedef struct DigitsNet {
    float w1[784][16], b1[16], w2[16][16], b2[16], w3[16][10], b3[10];
} DigitsNet;

void plain_rings_predict(const RingsNet *net, int n, const float *x, float *out);
void plain_rings_step(RingsNet *net, RingsNet *m, RingsNet *v, int n, const float *x, const float *y, int step);
void plain_digits_predict(const DigitsNet *net, int n, const unsigned char *image, float *out);
void plain_digits_step(DigitsNet *net, int n, const unsigned char *image, const int *y, float lr);
#endif
