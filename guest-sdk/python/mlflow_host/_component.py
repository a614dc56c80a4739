"""The stack as a component: the entry for componentize-py, never imported elsewhere."""

from __future__ import annotations

import main
import wit_world
from componentize_py_types import Err
from wit_world.imports import assets, config, graph, log

from mlflow_host import _program
from mlflow_host._contract import Error, Refused, StackInfo


def _answer(call, *arguments):
    """The answer of the host, with its refusals as the SDK knows them."""
    try:
        return call(*arguments)
    except Err as error:
        problem = error.value
        if isinstance(problem, str):
            raise Refused("asset", problem) from None
        raise Refused(problem.code, problem.message, problem.path) from None


class _Host:
    def declare(self, kind, name, properties, options):
        return _answer(graph.declare, kind, name, properties, options)

    def lookup(self, kind, name, properties):
        return _answer(graph.lookup, kind, name, properties)

    def component(self, kind, name, parent):
        return _answer(graph.component, kind, name, parent)

    def attribute(self, of, path):
        return _answer(graph.attribute, of, path)

    def call(self, name, operands):
        return _answer(graph.call, name, operands)

    def output(self, name, value):
        _answer(graph.output, name, value)

    def get(self, key):
        return config.get(key)

    def secret(self, key):
        return config.secret(key)

    def stack(self):
        found = config.stack()
        return StackInfo(found.name, found.project, found.region)

    def directory(self, path, options):
        return _answer(assets.directory, path, options)

    def log(self, level, message):
        log.write(getattr(log.Level, level.upper()), message)


class WitWorld(wit_world.WitWorld):
    def run(self):
        try:
            _program.start(_Host(), main.run)
        except Error as error:
            raise Err(str(error)) from None
