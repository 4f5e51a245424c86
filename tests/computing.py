"""How long something computes, on a machine that has others to serve as well."""

import gc
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def computes_within(seconds: float) -> Iterator[None]:
    """Assert that what is done inside takes this process at most so many seconds of computing.

    Time in which others have the processor does not count. Neither does what other tests left
    for the collection of garbage, nor the tracer that notes covered lines: under it, code takes
    several times as long.
    """
    tracer = sys.gettrace()
    gc.freeze()
    sys.settrace(None)
    began = time.process_time()
    try:
        yield
        took = time.process_time() - began
    finally:
        sys.settrace(tracer)
        gc.unfreeze()
    print(f"{took:.3f} s of computing, of {seconds} s at most")
    assert took <= seconds
