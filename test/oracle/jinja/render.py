"""Renders templates with the real Jinja, as cookiecutter sets it up: one JSON
request a line on standard input, one JSON answer a line on standard output."""
import json
import sys

from jinja2 import DictLoader, Environment, StrictUndefined


def environment(options, templates):
    extensions = []
    if options.get("do"):
        extensions.append("jinja2.ext.do")
    if options.get("loop_controls"):
        extensions.append("jinja2.ext.loopcontrols")
    return Environment(
        undefined=StrictUndefined,
        keep_trailing_newline=not options.get("drop_trailing_newline", False),
        trim_blocks=options.get("trim_blocks", False),
        lstrip_blocks=options.get("lstrip_blocks", False),
        variable_start_string=options.get("variable_start", "{{"),
        variable_end_string=options.get("variable_end", "}}"),
        line_statement_prefix=options.get("line_statement"),
        line_comment_prefix=options.get("line_comment"),
        loader=DictLoader(templates),
        extensions=extensions,
    )


for line in sys.stdin:
    request = json.loads(line)
    try:
        env = environment(request.get("options") or {}, request.get("templates") or {})
        answer = {"out": env.from_string(request["src"]).render(**request["vars"])}
        json.dumps(answer).encode()
    except RecursionError:
        answer = {"error": "recursion"}
    except Exception as e:
        answer = {"error": "%s: %s" % (type(e).__name__, e)}
    print(json.dumps(answer), flush=True)
