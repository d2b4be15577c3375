"""With this directory in PYTHONPATH, what `requests` asks of https://HOST/PATH goes to $XPOST_MIRROR/HOST/PATH, a loopback server
(`xpost mock`). Nothing leaves this machine. The patch is made when `requests` is loaded, so that nothing is loaded for it."""
import importlib.abc
import importlib.machinery
import os
import sys

MIRROR = os.environ["XPOST_MIRROR"]
assert MIRROR.startswith(("http://127.0.0.1:", "http://localhost:")), "XPOST_MIRROR must be plain http on loopback"


class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != "requests.sessions":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            send = module.Session.send

            def mirrored(self, request, **options):
                scheme, rest = request.url.split("://", 1)
                if scheme == "https":
                    request.url = f"{MIRROR}/{rest}"
                return send(self, request, **options)

            module.Session.send = mirrored

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, Finder())
