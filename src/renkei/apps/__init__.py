"""Apps that come with renkei: users of the public API and of nothing else. Their manifests are in data/apps."""
