"""What every PluginLoader promises; subclass and provide `loader`, and files with `put`."""

from __future__ import annotations

import pytest
from tests.fakes.registries import keep_registries

from swiftx.domain.loss_scales import registry
from swiftx.domain.ports.system import PluginLoader
from swiftx.errors import BackendError


class PluginLoaderContract:
    def put(self, loader: PluginLoader, name: str, *, registers: str | None) -> str:
        """Make a plugin and return its path: it registers a loss scale, or raises ValueError("broken")."""
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def _registries(self, monkeypatch: pytest.MonkeyPatch) -> None:
        keep_registries(monkeypatch)

    def test_what_a_file_registers_is_known(self, loader: PluginLoader) -> None:
        loader.load(self.put(loader, "one.py", registers="one"))
        loader.load(self.put(loader, "two.py", registers="two"))

        assert {"one", "two"} <= set(registry.names())

    def test_a_file_runs_once(self, loader: PluginLoader, monkeypatch: pytest.MonkeyPatch) -> None:
        path = self.put(loader, "one.py", registers="one")
        loader.load(path)
        keep_registries(monkeypatch)
        monkeypatch.delitem(vars(registry.SCALES)["_things"], "one")

        loader.load(path)

        assert "one" not in registry.names()

    def test_a_file_that_fails_is_named_with_line_and_exception(self, loader: PluginLoader) -> None:
        path = self.put(loader, "bad.py", registers=None)

        with pytest.raises(BackendError, match=r"bad\.py, line 1: ValueError: broken\.$") as caught:
            loader.load(path)

        assert path in caught.value.message

    def test_a_file_that_failed_runs_again(self, loader: PluginLoader) -> None:
        path = self.put(loader, "bad.py", registers=None)

        for _ in range(2):
            with pytest.raises(BackendError, match="broken"):
                loader.load(path)

    def test_a_file_that_is_not_there_is_named(self, loader: PluginLoader) -> None:
        with pytest.raises(BackendError, match=r"nowhere\.py"):
            loader.load("nowhere.py")
