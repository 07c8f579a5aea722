"""Runs ``bokeh serve`` or ``panel serve`` with one more address, /objects, that counts what is alive in the process."""

import gc
import json
import sys
from collections import Counter

from bokeh.server.tornado import BokehTornado
from tornado.web import RequestHandler


class Objects(RequestHandler):
    """Answers with the number of live objects of each kind, after collecting garbage."""

    def get(self) -> None:
        """Count: every object, Bokeh documents and models, and the instances of gaussapp's own classes."""
        gc.collect()
        alive = gc.get_objects()
        counts = Counter({"all": len(alive)})
        for item in alive:
            kind = type(item)
            module = str(getattr(kind, "__module__", ""))
            if kind.__name__ == "Document" and module.startswith("bokeh"):
                counts["documents"] += 1
            elif any(base.__module__ == "bokeh.model.model" for base in kind.__mro__):
                counts["models"] += 1
            elif module.startswith("gaussapp"):
                counts[f"{module}.{kind.__name__}"] += 1
        self.write(json.dumps(counts))


def main() -> None:
    """Run the command line of Bokeh or of Panel, named by the first argument."""
    original = BokehTornado.__init__

    def with_objects(self: BokehTornado, *args: object, extra_patterns: list | None = None, **options: object) -> None:
        original(self, *args, extra_patterns=[*(extra_patterns or []), ("/objects", Objects)], **options)

    BokehTornado.__init__ = with_objects
    which = sys.argv.pop(1)
    if which == "panel":
        from panel.command import main as run

        sys.argv[0] = "panel"
        run()
    else:
        from bokeh.command.bootstrap import main as run

        run(["bokeh", *sys.argv[1:]])


if __name__ == "__main__":
    main()
