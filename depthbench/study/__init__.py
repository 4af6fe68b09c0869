"""A study from what is asked to its cells, their costs and their trainings."""
