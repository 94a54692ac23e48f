"""The views of a config: the module, kind, steps, options and sources of each."""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

from emospace.core import plugin
from emospace.core.steps import Step, named, parameters, steps

# Keys of the blocks of views, features, protocols, analyses and runs; all others are options of the plug-in.
VIEW_KEYS = {"view", "leaky"}
FEATURE_KEYS = {"encoder", "weights", "select", "by", "replaces", "leaky"}
PROTOCOL_KEYS = {"corpus", "train", "test", "split", "labels", "folds", "rows", "without", "leaky", "title"}
PROTOCOL_KEYS |= {"train_rows", "draw"}
ANALYSIS_KEYS = {"analysis", "runs"}
RUN_KEYS = {"model", "protocol", "inputs", "weights", "crossfit", "augment", "versus", "seeds", "leaky"}


@dataclass(frozen=True)
class Views:
    """Look up views by name. A view that the config does not list has the module of its name and no options."""

    config: dict

    def spec(self, view: str) -> dict:
        """Return the view's block of the config."""
        return self.config["views"].get(view) or {}

    def module_name(self, view: str) -> str:
        return self.spec(view).get("view", view)

    def module(self, view: str) -> ModuleType:
        return plugin.find("views", self.module_name(view))

    def known(self, view: str) -> bool:
        """Does this view exist: in the config or, unless it is augmented, as a module?"""
        return view in self.config["views"] or (view in plugin.names("views") and not self.is_augmented(view))

    def names(self) -> list[str]:
        """Return all views that a feature may name."""
        return sorted({*self.config["views"], *plugin.names("views")})

    # Kinds -----------------------------------------------------------------------------------------------------

    def is_augmented(self, name: str) -> bool:
        """Is this an augmented view, or a feature of one?"""
        view = name.partition(".")[0]
        return self.module_name(view) in plugin.names("views") and hasattr(self.module(view), "PARENT")

    def augmented(self) -> list[str]:
        """Return the augmented views that the config asks for."""
        return [view for view in self.config["views"] if self.is_augmented(view)]

    def parent(self, view: str) -> str:
        """Return the view that an augmented view copies; any other view is its own parent."""
        return getattr(self.module(view), "PARENT", view)

    def in_parent(self, name: str) -> str:
        """Return the parent of an augmented view or feature: text_bt -> text, text_bt.sbert -> text.sbert."""
        view, dot, encoder = name.partition(".")
        return self.parent(view) + dot + encoder

    def in_child(self, name: str, view: str) -> str:
        """Return the augmented view's replacement for an input: text.sbert in text_bt -> text_bt.sbert."""
        return view + name.removeprefix(self.parent(view))

    def reader(self, view: str) -> str:
        """Return the name of the module that reads a view's files: its own, or its parent's."""
        return self.module_name(self.parent(view))

    def kind(self, view: str) -> str:
        """Return the kind of a view's items: "audio", "frames", "text", ..."""
        return plugin.find("views", self.reader(view)).KIND

    def suffix(self, view: str) -> str:
        return plugin.find("views", self.reader(view)).SUFFIX

    def leaky(self, view: str) -> bool:
        """Do the items of a view, or of its parent, reveal labels?"""
        parent = self.parent(view)
        module = plugin.find("views", self.module_name(parent))
        with plugin.blamed(plugin.file_of(module), "leaky()", "fix it; see View in docs/contracts.md"):
            return bool(module.leaky(**plugin.offered(module.leaky, **self.options(parent))))

    # Steps, options and sources --------------------------------------------------------------------------------

    def steps(self, view: str) -> dict[str, Step]:
        """Return the jobs of a view by name: "" writes the view itself; an augmented view may have others.

        A step that only serves a limit of the gate is left out if the config sets that limit to null.
        """
        module = self.module(view)
        if self.is_augmented(view):
            made = steps(module, self.suffix(view))
            return {name: step for name, step in made.items() if not self._unlimited(view, step.for_limit)}
        own = {"suffix": module.SUFFIX, "environment": module.ENVIRONMENT, "packages": module.PACKAGES}
        return {"": Step(module.extract, **own)}

    def _unlimited(self, view: str, limit: str) -> bool:
        """Is this option of the view's `score` null, in the config or else by default?"""
        known = parameters(self.module(view).score)
        return limit in known and self.gate(view).get(limit, known[limit].default) is None

    def gate(self, view: str) -> dict:
        """Return the thresholds of the gate that the config sets for an augmented view."""
        return self.config.get("gate", {}).get(view, {})

    def step(self, view: str, step: str = "") -> Step:
        return self.steps(view)[step]

    def blocks(self, view: str) -> set[str]:
        """Return the keys of a view's block that contain options of a step."""
        return {step.block for step in self.steps(view).values()} - {""}

    def options(self, view: str, step: str = "") -> dict:
        """Return the options of a step from the config."""
        if block := self.step(view, step).block:
            return self.spec(view).get(block) or {}
        return {k: v for k, v in self.spec(view).items() if k not in VIEW_KEYS | self.blocks(view)}

    def completed(self, view: str) -> dict:
        """Return the options of a view's own job, with defaults."""
        make = self.step(view).make
        known = plugin.options_of(make, self.steps(view))
        return {o: p.default for o, p in parameters(make).items() if o in known} | self.options(view)

    def rate(self, view: str) -> int | None:
        """Return the sample rate in the options of a view of sound, Hz; for an augmented view, its parent's."""
        return self.completed(self.parent(view)).get("sample_rate") if self.kind(view) == "audio" else None

    def named(self, view: str, step: str, block: str) -> dict[str, list[str]]:
        """Return each option of a step that names weights or views (the block) -> the names."""
        return named(self.step(view, step).make, self.options(view, step), block)

    def weights(self, view: str) -> list[str]:
        """Return the weights that any step of a view uses."""
        return [n for step in self.steps(view) for names in self.named(view, step, "weights").values() for n in names]

    def step_weights(self, view: str, step: str = "") -> list[str]:
        return list(dict.fromkeys(n for names in self.named(view, step, "weights").values() for n in names))

    def step_sources(self, view: str, step: str = "") -> list[str]:
        """Return the views that the options of a step name."""
        return list(dict.fromkeys(n for names in self.named(view, step, "views").values() for n in names))

    def sources(self, view: str) -> list[str]:
        """Return the views that a view reads directly."""
        named = [source for step in self.steps(view) for source in self.step_sources(view, step)]
        return [*([self.parent(view)] if self.is_augmented(view) else []), *named]

    def with_sources(self, views: list[str]) -> list[str]:
        """Return views together with all their sources, direct and indirect."""
        closure = list(dict.fromkeys(views))
        for view in closure:
            closure += [source for source in self.sources(view) if source not in closure]
        return closure

    def takes(self, function: Callable, argument: str) -> bool:
        return argument in parameters(function)

    def reads(self, function: Callable, view: str) -> list[str]:
        """Return the steps of a view whose files a function takes by name."""
        return [step for step in self.steps(view) if step and self.takes(function, step)]

    def threads(self, view: str, step: str = "", *, parts: int = 1, cores: int | None = None) -> int:
        """Return 2 for a step that takes `threads`, unless it can name weights and names none; otherwise 1.

        parts: of the corpus. cores: that their jobs share, None if unknown. As many parts as cores, with a thread each,
        leave no core idle; two threads would rarely compute twice as fast.
        """
        takes = self.takes(self.step(view, step).make, "threads")
        shared = cores is not None and parts >= cores
        return 2 if takes and not shared and all(self.named(view, step, "weights").values()) else 1

    def uses_gpu(self, view: str, step: str) -> bool:
        """Does a step use a GPU if there is one? Not if it can name weights and names none."""
        return self.step(view, step).gpu and all(self.named(view, step, "weights").values())
