"""What touches disks: the cache, pickles of strangers, fields of files."""
