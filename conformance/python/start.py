import json, sys


def bound_memory(limit):
    try:
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_AS)
        limit = limit if most == resource.RLIM_INFINITY else min(limit, most)
        resource.setrlimit(resource.RLIMIT_AS, (limit, most))
    except (ImportError, OSError, ValueError):
        # Not every system can.
        pass


def tell(said):
    print(json.dumps(said), flush=True)


if sys.version_info < (3, 9):
    tell({"too-old": "%d.%d" % sys.version_info[:2]})
else:
    import types

    bound_memory(int(sys.argv[1]))
    request = json.load(sys.stdin.buffer)
    for name, text in request["program"]:
        module = sys.modules[name] = types.ModuleType(name)
        exec(compile(text, name + ".py", "exec"), module.__dict__)
    tell({"too-old": None})
    for answer in module.answers(request):
        tell(answer)
