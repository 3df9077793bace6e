# Stops the clock and the dice of Python, so that two renderings are comparable.
# Python reads this file on its own when the folder is in PYTHONPATH; cookiecutter
# itself stays as it is.
import datetime
import os

os.urandom = bytes

import random  # noqa: E402  it keeps the urandom that it finds

random.choice = lambda seq: seq[0]


class Stopped(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        t = cls(2024, 2, 29, 13, 4, 5, 678901, tzinfo=datetime.timezone.utc)
        return t.replace(tzinfo=None) if tz is None else t.astimezone(tz)

    @classmethod
    def utcnow(cls):
        return cls.now()


datetime.datetime = Stopped
