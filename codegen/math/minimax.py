#!/usr/bin/env python3
"""The coefficients of the polynomials in this folder: Remez exchange at 160 bits (needs mpmath).

Each row is a function, the weight of its error, an interval and the number of coefficients; what is printed stands in
the C file of the same name. Run it after a change of interval or degree."""
import struct
import mpmath
from mpmath import mp, mpf

mp.prec = 160


def minimax(f, weight, low, high, n, grid=600, rounds=12):
    """The polynomial p of n coefficients with the least max |(p - f) weight|, and that maximum."""
    middle, half = (mpf(low) + high) / 2, (mpf(high) - low) / 2
    points = [middle - half * mpmath.cos(mpmath.pi * i / grid) for i in range(grid + 1)]
    values, weights = [f(x) for x in points], [weight(x) for x in points]
    extremes = [middle - half * mpmath.cos(mpmath.pi * i / n) for i in range(n + 1)]
    for _ in range(rounds):
        a, b = mpmath.matrix(n + 1, n + 1), mpmath.matrix(n + 1, 1)
        for i, x in enumerate(extremes):
            for j in range(n):
                a[i, j] = x**j
            a[i, n] = (-1) ** i / weight(x)
            b[i] = f(x)
        p = list(mpmath.lu_solve(a, b))[:n]
        errors = [(mpmath.polyval(p[::-1], x) - y) * w for x, y, w in zip(points, values, weights)]
        found = alternating(errors)
        while len(found) > n + 1:
            found.pop(0 if abs(errors[found[0]]) < abs(errors[found[-1]]) else -1)
        if len(found) < n + 1:
            break
        extremes = [points[i] for i in found]
    return p, max(abs(e) for e in errors)


def alternating(errors):
    """Indices of extremes whose signs alternate, the larger of neighbours with one sign."""
    found = []
    for i, e in enumerate(errors):
        before = i == 0 or abs(e) >= abs(errors[i - 1]) or e * errors[i - 1] < 0
        after = i == len(errors) - 1 or abs(e) >= abs(errors[i + 1]) or e * errors[i + 1] < 0
        if not (before and after):
            continue
        if found and errors[found[-1]] * e > 0:
            if abs(e) > abs(errors[found[-1]]):
                found[-1] = i
        else:
            found.append(i)
    return found


def near_zero(series, exact, limit):
    """exact cancels close to 0; there the first terms of its series are enough."""
    return lambda x: series(x) if abs(x) < limit else exact(x)


root = mpmath.sqrt
exp_q = near_zero(lambda r: mpf(1) / 2 + r / 6 + r * r / 24, lambda r: (mpmath.expm1(r) - r) / r**2, mpf(2) ** -20)
log_r = near_zero(lambda z: mpf(2) / 3 + 2 * z / 5, lambda z: (2 * mpmath.atanh(root(z)) / root(z) - 2) / z, mpf(2) ** -30)
log_p = near_zero(lambda z: mpf(2) / 5 + 2 * z / 7,
                  lambda z: ((2 * mpmath.atanh(root(z)) / root(z) - 2) / z - mpf(2) / 3) / z, mpf(2) ** -30)
sin_s = near_zero(lambda z: -mpf(1) / 6 + z / 120, lambda z: (mpmath.sin(root(z)) / root(z) - 1) / z, mpf(2) ** -30)
cos_c = near_zero(lambda z: mpf(1) / 24 - z / 720, lambda z: (mpmath.cos(root(z)) - 1 + z / 2) / z**2, mpf(2) ** -20)
erf_q = near_zero(lambda z: 2 / root(mpmath.pi) * (1 - z / 3) - 1, lambda z: mpmath.erf(root(z)) / root(z) - 1, mpf(2) ** -40)


def erf_g(a, b, end):
    """G(u) = erfc(x) e^(x^2) with u = (x - a)/(x + b), weighted by what it does to erf x."""
    x_of = lambda u: (a + b * u) / (1 - u)
    g = lambda u: mpmath.erfc(x_of(u)) * mpmath.exp(x_of(u) ** 2)
    weight = lambda u: mpmath.exp(-x_of(u) ** 2) / mpmath.erf(x_of(u)) + mpf(10) ** -14
    return g, weight, (1 - mpf(a)) / (1 + b), (mpf(end) - a) / (mpf(end) + b)


def show(name, p, error, single):
    as_float = lambda v: struct.unpack('f', struct.pack('f', float(v)))[0] if single else float(v)
    print(f'{name}, error 2^{float(mpmath.log(error, 2)):.1f}')
    print('    ' + ', '.join(as_float(v).hex() for v in p))


def main():
    r, z = mpmath.log(2) / 2 * mpf('1.0001'), ((root(2) - 1) / (root(2) + 1)) ** 2 * mpf('1.0001')
    quarter = (mpmath.pi / 4) ** 2 * mpf('1.001')
    one, square = lambda x: mpf(1), lambda x: max(x * x, mpf(10) ** -6)
    rows = [
        ('exp.c q', exp_q, square, -r, r, 6, 11),
        ('log.c r', log_r, one, 0, z, 4, 8),
        ('power.c p', log_p, one, 0, z, None, 8),
        ('trigonometry.c s', sin_s, lambda x: max(x, mpf(10) ** -3), 0, quarter, 3, 6),
        ('trigonometry.c c', cos_c, square, 0, quarter, 4, 6),
        ('erf.c q', erf_q, one, 0, 1, 7, 13),
    ]
    for name, f, weight, low, high, single, double in rows:
        if single:
            show(name + '32', *minimax(f, weight, low, high, single), True)
        show(name + '64', *minimax(f, weight, low, high, double), False)
    for name, place, n, single in (('erf.c g32', (2, 2, '3.95'), 6, True), ('erf.c g64', ('2.5', 3, 6), 13, False)):
        g, weight, low, high = erf_g(*(mpf(v) for v in place))
        show(name, *minimax(g, weight, low, high, n), single)


main()
