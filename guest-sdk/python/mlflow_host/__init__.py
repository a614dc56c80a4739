"""Write mlflow-host stacks in Python.

A stack is a function `run` in `main.py` that declares resources. It runs once, in a sandbox, before any call to
the cloud; what it may know is its configuration. What it cannot know yet, such as the address of a service, is an
`Output`: it can be put into any argument and any f-string.

    from mlflow_host import config, output
    from mlflow_host.kinds import standard

    def run() -> None:
        name = standard.RandomId("id", length=4)
        output("name", f"{config.stack().name}-{name.result}")

A declaration never raises on the spot: the host remembers what is wrong with it, and reports all problems of a
run together, with the lines that they come from.
"""

from mlflow_host import assets, config, functions, log
from mlflow_host._contract import Error
from mlflow_host._resource import Component, Options, Resource, component, output
from mlflow_host._values import Input, Message, Output

__all__ = [
    "Component",
    "Error",
    "Input",
    "Message",
    "Options",
    "Output",
    "Resource",
    "assets",
    "component",
    "config",
    "functions",
    "log",
    "output",
]
