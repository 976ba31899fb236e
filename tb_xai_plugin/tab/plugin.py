# SPDX-License-Identifier: Apache-2.0
"""The tab's routes; `http_api.md` describes each, and a test compares the two."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tensorboard import errors
from tensorboard.plugins import base_plugin
from werkzeug import wrappers

from tb_xai_plugin.names import MEDIA, PLUGIN_NAME, SMALL
from tb_xai_plugin.tab.http import Answer, route
from tb_xai_plugin.tab.static_files import list_static

if TYPE_CHECKING:
    from tb_xai_plugin.tab.answers import Answers


class XaiPlugin(base_plugin.TBPlugin):  # type: ignore[misc]  # TensorBoard has no types
    """The Explain tab: its files, and the questions that it asks."""

    plugin_name = PLUGIN_NAME

    def __init__(self, context: base_plugin.TBContext) -> None:
        self._context = context
        self._files = list_static()
        self._made: Answers | None = None
        self._making = threading.Lock()

    def is_active(self) -> bool:
        """False at once: TensorBoard asks only where it has no data for `data_plugin_names`."""
        return False

    def data_plugin_names(self) -> tuple[str, ...]:
        """The data names that make the tab active."""
        return (SMALL, MEDIA)

    def frontend_metadata(self) -> base_plugin.FrontendMetadata:
        """Tab "Explain", an ES module in an iframe."""
        return base_plugin.FrontendMetadata(es_module_path="/index.js", tab_name="Explain")

    def get_plugin_apps(self) -> dict[str, Callable[..., Any]]:
        """Route → WSGI application; nothing else is answered."""
        return {
            "/index.js": route(self.serve_index),
            "/assets/*": route(self.serve_asset),
            "/runs": route(lambda request: self._answers().runs(request)),
            "/catalog": route(lambda request: self._answers().catalog(request)),
            "/records": route(lambda request: self._answers().records(request)),
            "/series": route(lambda request: self._answers().series(request)),
            "/histograms": route(lambda request: self._answers().histograms(request)),
            "/units": route(lambda request: self._answers().units(request)),
        }

    def serve_index(self, request: wrappers.Request) -> Answer:
        """`index.js`."""
        file = self._files["/index.js"]
        return Answer(file.content, file.mime_type, file.expires_s)

    def serve_asset(self, request: wrappers.Request) -> Answer:
        """`assets/NAME`, from the list made at start."""
        name = request.path.rpartition("/assets/")[2]
        file = self._files.get(f"/assets/{name}")
        if file is None:
            raise errors.NotFoundError("no such asset; after a rebuild, restart TensorBoard")
        return Answer(file.content, file.mime_type, file.expires_s)

    def _answers(self) -> Answers:
        """What answers questions, imported with the first: most starts of TensorBoard never open the tab."""
        with self._making:
            if self._made is None:
                from tb_xai_plugin.tab.answers import Answers

                self._made = Answers(self._context)
            return self._made
