"""Object storage that speaks enough of S3 to list, read, put and delete, and that looks at every signature."""

from monitor.sandbox.bucket.server import BucketServer

__all__ = ["BucketServer"]
