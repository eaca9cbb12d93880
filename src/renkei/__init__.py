"""renkei: one vehicle API above the cars of several makers."""
