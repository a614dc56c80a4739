"""What the stack asks of the component. Run with `python3 -m unittest`, and the SDK and the bindings on the path."""

import unittest
from types import SimpleNamespace
from unittest import mock

import main
from mlflow_host.testing import Fake
from wit_world.imports import server


class Stack(unittest.TestCase):
    def declared(self, stack: str) -> SimpleNamespace:
        """The settings that the component is given, as far as the stack sets them."""
        settings = SimpleNamespace()
        with mock.patch.multiple(server, defaults=lambda: settings, declare=mock.DEFAULT) as component:
            Fake(stack=stack).run(main.run)
        component["declare"].assert_called_once_with(f"mlflow-{stack}", settings)
        return settings

    def test_only_production_is_protected(self) -> None:
        self.assertEqual(self.declared("dev"), SimpleNamespace())
        settings = self.declared("prod")
        self.assertTrue(settings.protection)
        self.assertEqual(settings.backups, server.Backups(nights=14, log_days=7))
