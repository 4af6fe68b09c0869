"""Searches simulated on truths whose k50 is known: bias, error, coverage and cost.

What the committed run (`results/calibration`, 200 searches a cell) shows, and where the
intervals fall short of their 90 %: they are too wide on steep curves, whose width so
few trials cannot tell (99.8 % hold k50 at a width of 3 %), and somewhat too narrow on
shallow curves with a bump (81.5 % in the worst cell). The bisection's own trials give
78.0 % in one cell, an island around 1.3 k50 = 390 that its climb to 384 steps into.
The test of monotonicity calls 5 to 6 % of falling curves and 6 to 7 % of those with a
bump non-monotone at p < 0.05: as many false alarms as it promises, and next to no power
against a bump of this size with so few trials a depth.
"""
