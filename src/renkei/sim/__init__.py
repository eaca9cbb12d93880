"""Virtual cars: battery, e-axle, road and driver as frozen nouns, and one compiled kernel that drives them.

Pure: nothing here reads a file, prints, or knows a maker. Units stand in names; discharge current is positive.
"""
