"""The views of a config: by which module each is made, of what kind it is, and what it reads."""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

from emospace.core import plugin
from emospace.core.steps import Step, named, parameters, steps

# Keys of a view, a feature, a protocol and a run; all others are options of the plug-in.
VIEW_KEYS = {"view", "leaky"}
FEATURE_KEYS = {"encoder", "weights", "select", "by", "leaky"}
PROTOCOL_KEYS = {"corpus", "train", "test", "split", "labels", "folds", "rows", "without", "leaky"}
RUN_KEYS = {"model", "protocol", "inputs", "weights", "crossfit", "augment", "versus", "seeds", "leaky"}


@dataclass(frozen=True)
class Views:
    """Views by name. One that the config does not list is made by the module of its name, with no options."""

    config: dict

    def spec(self, view: str) -> dict:
        """The view's block of the config."""
        return self.config["views"].get(view) or {}

    def module_name(self, view: str) -> str:
        return self.spec(view).get("view", view)

    def module(self, view: str) -> ModuleType:
        return plugin.find("views", self.module_name(view))

    def known(self, view: str) -> bool:
        """Is there such a view: in the config, or, of one that copies none, as a module?"""
        return view in self.config["views"] or (view in plugin.names("views") and not self.is_augmented(view))

    def names(self) -> list[str]:
        """All views that a feature may name."""
        return sorted({*self.config["views"], *plugin.names("views")})

    # Kinds -----------------------------------------------------------------------------------------------------

    def is_augmented(self, name: str) -> bool:
        """Is this an augmented view, or a feature of one?"""
        view = name.partition(".")[0]
        return self.module_name(view) in plugin.names("views") and hasattr(self.module(view), "PARENT")

    def augmented(self) -> list[str]:
        """The augmented views that the config asks for."""
        return [view for view in self.config["views"] if self.is_augmented(view)]

    def parent(self, view: str) -> str:
        """The view that an augmented one copies; others are their own."""
        return getattr(self.module(view), "PARENT", view)

    def in_parent(self, name: str) -> str:
        """The parent of an augmented view or feature: text_bt -> text, text_bt.sbert -> text.sbert."""
        view, dot, encoder = name.partition(".")
        return self.parent(view) + dot + encoder

    def in_child(self, name: str, view: str) -> str:
        """What an augmented view puts in the place of an input: text.sbert in text_bt -> text_bt.sbert."""
        return view + name.removeprefix(self.parent(view))

    def reader(self, view: str) -> str:
        """Name of the module that reads a view's files: its own, or its parent's."""
        return self.module_name(self.parent(view))

    def kind(self, view: str) -> str:
        """What the rows of a view are: "audio", "frames", "text", ..."""
        return plugin.find("views", self.reader(view)).KIND

    def suffix(self, view: str) -> str:
        return plugin.find("views", self.reader(view)).SUFFIX

    def leaky(self, view: str) -> bool:
        """Do the items of a view, or of its parent, tell of labels?"""
        plain = self.parent(view)
        module = plugin.find("views", self.module_name(plain))
        with plugin.blamed(plugin.file_of(module), "leaky()", "mend it; see View in docs/contracts.md"):
            return bool(module.leaky(**plugin.offered(module.leaky, **self.options(plain))))

    # How they are made -----------------------------------------------------------------------------------------

    def steps(self, view: str) -> dict[str, Step]:
        """Jobs that make a view: "" is the view itself; an augmented one may have others."""
        module = self.module(view)
        if self.is_augmented(view):
            return steps(module, self.suffix(view))
        own = {"suffix": module.SUFFIX, "environment": module.ENVIRONMENT, "packages": module.PACKAGES}
        return {"": Step(module.extract, **own)}

    def step(self, view: str, step: str = "") -> Step:
        return self.steps(view)[step]

    def blocks(self, view: str) -> set[str]:
        """Keys of a view's block that hold options of a step."""
        return {step.block for step in self.steps(view).values()} - {""}

    def options(self, view: str, step: str = "") -> dict:
        """What the config says to a step."""
        if block := self.step(view, step).block:
            return self.spec(view).get(block) or {}
        return {k: v for k, v in self.spec(view).items() if k not in VIEW_KEYS | self.blocks(view)}

    def completed(self, view: str) -> dict:
        """Options that make a view itself, with their defaults."""
        make = self.step(view).make
        known = plugin.options_of(make, self.steps(view))
        return {o: p.default for o, p in parameters(make).items() if o in known} | self.options(view)

    def rate(self, view: str) -> int | None:
        """The rate that the options of a view of sound name, Hz; that of an augmented view is its parent's."""
        return self.completed(self.parent(view)).get("sample_rate") if self.kind(view) == "audio" else None

    def named(self, view: str, step: str, block: str) -> dict[str, list[str]]:
        """Option of a step -> the weights, or views, that it names."""
        return named(self.step(view, step).make, self.options(view, step), block)

    def weights(self, view: str) -> list[str]:
        """Weights that a view is made with."""
        return [n for step in self.steps(view) for names in self.named(view, step, "weights").values() for n in names]

    def step_weights(self, view: str, step: str = "") -> list[str]:
        return list(dict.fromkeys(n for names in self.named(view, step, "weights").values() for n in names))

    def sources(self, view: str) -> list[str]:
        """Views that a view is made from."""
        named = [n for step in self.steps(view) for names in self.named(view, step, "views").values() for n in names]
        return [*([self.parent(view)] if self.is_augmented(view) else []), *named]

    def with_sources(self, views: list[str]) -> list[str]:
        """Views, and all that they are made from."""
        found = list(dict.fromkeys(views))
        for view in found:
            found += [source for source in self.sources(view) if source not in found]
        return found

    def takes(self, function: Callable, argument: str) -> bool:
        return argument in parameters(function)

    def reads(self, function: Callable, view: str) -> list[str]:
        """Steps of a view whose files a function gets by name."""
        return [step for step in self.steps(view) if step and self.takes(function, step)]

    def threads(self, view: str, step: str = "") -> int:
        """Two for what asks for the number of threads; one where it would only with weights, and names none."""
        takes = self.takes(self.step(view, step).make, "threads")
        return 2 if takes and all(self.named(view, step, "weights").values()) else 1

    def uses_gpu(self, view: str, step: str) -> bool:
        """Does a step use a GPU where there is one? Not without the weights that it could name."""
        made = self.step(view, step)
        return made.gpu and all(self.named(view, step, "weights").values())
