"""The SDK against its fake host. Run with `python3 -m unittest discover --start-directory tests`."""

from __future__ import annotations

import importlib
import pkgutil
import unittest
from collections.abc import Callable

from mlflow_host import Error, Output, Resource, assets, component, config, functions, kinds, log, output
from mlflow_host import _program, testing
from mlflow_host._contract import NOTHING, Refused, StackInfo
from mlflow_host.kinds import cloudresourcemanager, run, secretmanager, sqladmin, standard, storage
from mlflow_host.testing import Fake, Recording


def recorded(stack: Callable[[], object], **settings: object) -> Recording:
    return Fake(**settings).run(stack)  # type: ignore[arg-type]


class Declarations(unittest.TestCase):
    def test_a_stack_is_recorded(self) -> None:
        def stack() -> None:
            group = component("test:group", "all")
            inner = group.component("test:part", "one")
            number = standard.RandomId("id", length=8)
            password = standard.RandomPassword("password", parent=inner)
            text = f"{config.require('greeting')} {number.result}"
            greeting = standard.Value(
                "greeting",
                value={"text": text},
                depends_on=[password, "std/Value::other"],
                replace_on=[functions.sha256(password.result)],
                ignore_changes=["value.text"],
                delete_first=True,
                retain_on_delete=True,
                protect=True,
            )
            output("greeting", greeting.value)
            log.warning("done")

        recording = recorded(stack, config={"greeting": "hello"})
        greeting = recording["std/Value::greeting"]
        self.assertEqual(greeting.properties, {"value": {"text": "hello ${std/RandomId::id#result}"}})
        self.assertEqual(
            greeting.options,
            {
                "dependsOn": ["std/RandomPassword::password", "std/Value::other"],
                "replaceOn": ['${sha256["${std/RandomPassword::password#result}"]}'],
                "ignoreChanges": ["value.text"],
                "deleteFirst": True,
                "retainOnDelete": True,
                "protect": True,
            },
        )
        self.assertEqual(recording["std/RandomPassword::password"].options, {"parent": "test:part::one"})
        self.assertEqual(recording.components, ["test:group::all", "test:part::one"])
        self.assertEqual(recording.outputs, {"greeting": "${std/Value::greeting#value}"})
        self.assertEqual(recording.logs, [("warning", "done")])
        with self.assertRaisesRegex(KeyError, "std/Value::absent is not among std/RandomId::id"):
            recording["std/Value::absent"]

    def test_properties_have_the_names_of_the_rest_body(self) -> None:
        def stack() -> None:
            settings = sqladmin.Settings(
                data_disk_size_gb=10, ip_configuration=sqladmin.IpConfiguration(ipv4_enabled=False), tier=None
            )
            sqladmin.Instance("database", settings=settings, properties={"rootPassword": "x"})
            secretmanager.Secret("secret", version_aliases={"first": 1}, labels={"a": "b"})
            environment = [run.EnvVar(name="A", value="1"), None]
            run.Service(
                "service",
                template=run.RevisionTemplate(containers=[run.Container(env=environment)]),  # type: ignore[arg-type]
            )

        recording = recorded(stack)
        self.assertEqual(
            recording["sqladmin.googleapis.com/Instance::database"].properties,
            {
                "settings": {"dataDiskSizeGb": "10", "ipConfiguration": {"ipv4Enabled": False}},
                "rootPassword": "x",
            },
        )
        self.assertEqual(
            recording["secretmanager.googleapis.com/Secret::secret"].properties,
            {"versionAliases": {"first": "1"}, "labels": {"a": "b"}},
        )
        self.assertEqual(
            recording["run.googleapis.com/Service::service"].properties,
            {"template": {"containers": [{"env": [{"name": "A", "value": "1"}]}]}},
        )

    def test_a_lookup_is_no_declaration(self) -> None:
        def stack() -> None:
            output("number", cloudresourcemanager.Project.lookup("project", project="x").project_number)

        recording = recorded(stack)
        project = recording["cloudresourcemanager.googleapis.com/Project::project"]
        self.assertTrue(project.lookup)
        self.assertEqual(project.properties, {"project": "x"})
        with self.assertRaisesRegex(TypeError, "takes no options: leave out protect"):
            recorded(lambda: cloudresourcemanager.Project.lookup("project", protect=True))

    def test_a_resource_may_come_from_elsewhere(self) -> None:
        def stack() -> None:
            network = standard.StackReference.lookup("net", stack="network")
            standard.Value(
                "new",
                value=network.attribute("name"),
                aliases=["std/Value::old"],
                import_="projects/p/x",
                timeout_minutes=90,
            )

        recording = recorded(stack)
        self.assertEqual(recording["std/StackReference::net"].properties, {"stack": "network"})
        self.assertTrue(recording["std/StackReference::net"].lookup)
        value = recording["std/Value::new"]
        self.assertEqual(value.properties, {"value": "${std/StackReference::net#name}"})
        self.assertEqual(
            value.options, {"aliases": ["std/Value::old"], "import": "projects/p/x", "timeoutMinutes": 90}
        )

    def test_outputs_go_into_text_but_decide_nothing(self) -> None:
        value = Output("T")
        self.assertEqual([f"a{value}", "a" + value, value + "b", "%s" % value], ["aT", "aT", "Tb", "T"])
        with self.assertRaisesRegex(TypeError, "known only later"):
            bool(value)
        with self.assertRaises(TypeError):
            f"{value:>10}"

    def test_what_json_does_not_know_is_refused(self) -> None:
        for value, words in [(object(), "cannot be a object"), ({1: 2}, "key cannot be a int"), ({1}, "a set")]:
            with self.assertRaisesRegex(TypeError, words):
                recorded(lambda value=value: standard.Value("v", value=value))  # type: ignore[misc]
        with self.assertRaises(ValueError):
            recorded(lambda: standard.Value("v", value=float("nan")))
        with self.assertRaisesRegex(TypeError, "no argument `protected`"):
            recorded(lambda: storage.Bucket("b", protected=True))  # type: ignore[call-arg]

    def test_every_module_of_kinds_is_listed_and_whole(self) -> None:
        found = sorted(module.name for module in pkgutil.iter_modules(kinds.__path__))
        self.assertEqual(found, sorted(kinds.__all__))
        for name in found:
            module = importlib.import_module(f"mlflow_host.kinds.{name}")
            declared = [item for item in vars(module).values() if isinstance(item, type) and item is not Resource]
            for kind in (item for item in declared if issubclass(item, Resource)):
                recording = recorded(lambda kind=kind: kind("it"))  # type: ignore[misc]
                self.assertEqual(recording.resources[0].kind, kind.KIND)


class Functions(unittest.TestCase):
    def test_calls_carry_their_operands(self) -> None:
        def stack() -> None:
            name = standard.RandomId("id").result
            output("all", [
                functions.base64(name),
                functions.join(",", ["a", name]),
                functions.json({"a": name}),
                functions.lower("A"),
                functions.url_encode(name),
            ])

        token = "${std/RandomId::id#result}"
        self.assertEqual(
            recorded(stack).outputs["all"],
            [
                f'${{base64["{token}"]}}',
                f'${{join[",","a","{token}"]}}',
                f'${{json[{{"a":"{token}"}}]}}',
                '${lower["A"]}',
                f'${{url-encode["{token}"]}}',
            ],
        )

    def test_assets_are_packed(self) -> None:
        def stack() -> None:
            packed = assets.directory("image", ignore=["*.pyc"])
            output("packed", [packed.digest, packed.archive, packed.files])

        self.assertEqual(recorded(stack).outputs["packed"], ["0" * 64, "${asset:image}", 1])


class Configuration(unittest.TestCase):
    def test_values_are_read_by_type(self) -> None:
        def stack() -> None:
            self.assertEqual(config.integer("count"), 3)
            self.assertEqual(config.number("rate"), 0.5)
            self.assertEqual([config.boolean("open"), config.boolean("shut")], [True, None])
            self.assertEqual([config.strings("hosts"), config.strings("names")], [["a", "b"], ["c", "d"]])
            self.assertEqual(str(config.require_secret("token")), "${secret:token}")
            self.assertIsNone(config.secret("count"))
            self.assertEqual(config.stack(), ("test", "test-project", "europe-west1"))

        values = {"count": "3", "rate": "0.5", "open": "true", "hosts": '["a","b"]', "names": "c, d"}
        recorded(stack, config=values, secrets=["token"])

    def test_what_is_missing_or_ill_typed_is_named(self) -> None:
        cases: list[tuple[Callable[[], object], str]] = [
            (
                lambda: config.integer("count"),
                "The configuration key `count` must be a whole number, not `many`.",
            ),
            (lambda: config.number("count"), "The configuration key `count` must be a number, not `many`."),
            (
                lambda: config.boolean("count"),
                "The configuration key `count` must be `true` or `false`, not `many`.",
            ),
            (
                lambda: config.strings("list"),
                "The configuration key `list` must be a list of strings, not `[1]`.",
            ),
            (
                lambda: config.require("location"),
                "The configuration key `location` is not set: run `mlflow-host config set STACK.wasm location VALUE`.",
            ),
            (
                lambda: config.require_secret("token"),
                "The secret `token` is not set: run `mlflow-host config set STACK.wasm --secret token env:NAME`.",
            ),
        ]
        for call, words in cases:
            with self.assertRaises(Error) as caught:
                recorded(lambda call=call: call() and None, config={"count": "many", "list": "[1]"})  # type: ignore[misc]
            self.assertEqual(str(caught.exception), words)

    def test_outside_of_a_run_there_is_no_host(self) -> None:
        with self.assertRaisesRegex(Error, "inside of `run`"):
            config.get("x")


class Refusing(testing._Host):
    """A host that refuses every bucket."""

    def __init__(self) -> None:
        super().__init__({}, frozenset(), StackInfo("test", "p", "r"))

    def declare(self, kind: str, name: str, properties: str, options: str) -> int:
        if kind == storage.Bucket.KIND:
            raise Refused("unknown-field", "There is no such property.", "locatin")
        return super().declare(kind, name, properties, options)


class Failures(unittest.TestCase):
    def failure(self, stack: Callable[[], None]) -> str:
        with self.assertRaises(Error) as caught:
            _program.start(Refusing(), stack)
        return str(caught.exception)

    def test_refusals_name_the_line_and_go_on(self) -> None:
        def stack() -> None:
            bucket = storage.Bucket("bad")
            self.assertEqual(str(bucket.name), NOTHING)
            standard.Value("v", value=f"gs://{bucket.name}", depends_on=[bucket])
            storage.Bucket("worse")

        first = stack.__code__.co_firstlineno
        self.assertEqual(
            self.failure(stack).splitlines(),
            [
                "the host refused what these lines declare",
                f"    test_sdk.py:{first + 1} in stack: storage.googleapis.com/Bucket::bad `locatin` (unknown-field)",
                f"    test_sdk.py:{first + 4} in stack: storage.googleapis.com/Bucket::worse `locatin` (unknown-field)",
            ],
        )

    def test_errors_name_the_lines_on_their_way(self) -> None:
        def helper() -> None:
            config.require("absent")

        def stack() -> None:
            storage.Bucket("bad")
            helper()

        lines = self.failure(stack).splitlines()
        first = helper.__code__.co_firstlineno
        self.assertIn("`absent` is not set", lines[0])
        self.assertEqual(
            lines[1:],
            [
                f"    test_sdk.py:{first + 1} in helper",
                f"    test_sdk.py:{first + 5} in stack",
                f"    before that, the host refused test_sdk.py:{first + 4} in stack: "
                "storage.googleapis.com/Bucket::bad `locatin` (unknown-field)",
            ],
        )

    def test_other_exceptions_keep_their_name(self) -> None:
        def divide() -> None:
            output("x", 1 / 0)

        first = divide.__code__.co_firstlineno
        self.assertEqual(
            self.failure(divide), f"ZeroDivisionError: division by zero\n    test_sdk.py:{first + 1} in divide"
        )

    def test_an_exit_is_an_error(self) -> None:
        def leave() -> None:
            raise SystemExit(3)

        self.assertTrue(self.failure(leave).startswith("SystemExit: 3\n"))


if __name__ == "__main__":
    unittest.main()
