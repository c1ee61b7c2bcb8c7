import json, sys


def bound_memory(limit):
    try:
        import resource

        _, hard_limit = resource.getrlimit(resource.RLIMIT_AS)
        limit = limit if hard_limit == resource.RLIM_INFINITY else min(limit, hard_limit)
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard_limit))
    except (ImportError, OSError, ValueError):
        # Not every system has such limits.
        pass


def send(message):
    print(json.dumps(message), flush=True)


if sys.version_info < (3, 9):
    send({"too-old": "%d.%d" % sys.version_info[:2]})
else:
    import types

    bound_memory(int(sys.argv[1]))
    request = json.load(sys.stdin.buffer)
    for name, text in request["program"]:
        module = sys.modules[name] = types.ModuleType(name)
        exec(compile(text, name + ".py", "exec"), module.__dict__)
    send({"too-old": None})
    for answer in module.answers(request):
        send(answer)
