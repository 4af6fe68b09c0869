"""How deep can this network architecture be and still train?"""
