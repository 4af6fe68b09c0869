"""Speed against a baseline in plain PyTorch, in one run on one machine.

Sides take turns, each alone on the machine and in processes of its own, and a ratio is
formed within a round: what slows the machine for a while slows both.
"""
