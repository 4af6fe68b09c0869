"""Searches simulated on truths whose k50 is known: bias, error, coverage and cost.

What the committed run (`results/calibration`, 200 searches a cell) shows. 90 %
intervals hold the true k50 in 93.8 % of posterior searches, 81.5 % in the worst cell,
and in 94.9 % and 85.0 % of bisections. They are too wide on steep curves, whose width
so few trials cannot tell (99.8 % hold k50 at a width of 3 %), and somewhat too narrow
on shallow ones with a bump. The test of monotonicity calls 5 to 6 % of falling curves
and 6 to 7 % of those with a bump non-monotone at p < 0.05: as many false alarms as it
promises, and next to no power against a bump of this size with so few trials a depth.

Trials at different depths must be independent. Were 30, 60 or 90 % of a training's luck
its seed's, at every depth, then on the same six curves the posterior's intervals would
hold 87, 82 and 74 % in place of 95 %, and its error would be 10, 12 and 14 % in place
of 7 %.
"""
