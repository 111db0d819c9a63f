"""Templates of nodes: made once, shared by all tracks of a scene, kept on disk."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np

from simscale_gym.dressing.looks.look_cache import LookCache, content_key
from simscale_gym.dressing.nodes.node_looks import look_template
from simscale_gym.dressing.nodes.template import Template

Key = tuple[str, str, int, int]


@dataclass(frozen=True, eq=False)
class TemplateCache:
    """What :func:`look_template` gives, remembered.

    Attributes:
        cache: Folder that keeps templates between runs.
    """

    cache: LookCache
    _known: dict[Key, Template] = field(default_factory=dict, repr=False)

    def get(self, family: str, name: str, lod: int, phase: int) -> Template:
        """The template that these arguments of :func:`look_template` name."""
        key = (family, name, lod, phase)
        if key not in self._known:
            arrays = self.cache.get(content_key("node", *key), lambda: _arrays(look_template(*key)))
            self._known[key] = Template(**arrays)
        return self._known[key]


def _arrays(template: Template) -> dict[str, np.ndarray]:
    return {f.name: np.asarray(getattr(template, f.name)) for f in fields(Template)}
