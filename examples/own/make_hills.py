#!/usr/bin/env python3
"""1,000 points of the square from -2 to 2, each with the height of a hilly plain that a cliff parts: hills.csv."""
import math, random, sys

random.seed(3)
out = sys.stdout
out.write("x.0,x.1,y\n")
for _ in range(1000):
    a, b = random.uniform(-2, 2), random.uniform(-2, 2)
    cliff = 1 if a + b > 0.5 else 0
    out.write("%.6f,%.6f,%.6f\n" % (a, b, math.sin(2 * a) * math.cos(b) + cliff + random.gauss(0, 0.02)))
