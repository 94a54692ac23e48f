"""Steps of an augmented view: its own job is one of them, and options are identified by their annotations."""

from types import SimpleNamespace

from emospace.core.option_types import Chain, NamedView, NamedWeights
from emospace.core.steps import Step, named, parameters, steps


def augment(rows, source, out, *, weights: NamedWeights, chain: Chain = ("a", "b"), view: NamedView = "", seed=1):
    """A step with options that name entries of the config."""


def test_the_job_of_the_view_itself_comes_last_with_the_attributes_of_its_module():
    spoken = Step(augment, block="speech")
    module = SimpleNamespace(augment=augment, BLOCK="", ENVIRONMENT="media", PACKAGES=["av"], GPU=True)
    jobs = steps(SimpleNamespace(**vars(module), STEPS={"spoken": spoken}), ".npy")
    assert [*jobs] == ["spoken", ""] and jobs["spoken"] is spoken
    assert jobs[""] == Step(augment, suffix=".npy", environment="media", packages=["av"], gpu=True)


def test_options_are_the_keyword_only_arguments():
    assert [*parameters(augment)] == ["weights", "chain", "view", "seed"]


def test_options_name_entries_of_the_block_of_their_annotation():
    assert named(augment, {"weights": "w", "seed": 3}, "weights") == {"weights": ["w"], "chain": ["a", "b"]}
    assert named(augment, {"chain": ["c"]}, "weights") == {"weights": [], "chain": ["c"]}
    assert named(augment, {"chain": None, "view": "audio"}, "views") == {"view": ["audio"]}
