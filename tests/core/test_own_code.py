"""The code recorded for an artifact is exactly the set of files that a module may run.

Covers: core/syntax.
"""

import ast
import json

import pytest
from conftest import ROOT

from emospace.core.errors import InputError
from emospace.core.own_code import closure
from emospace.core.provenance import code_digest, read_recipe
from emospace.core.syntax import syntax


def names(*modules, root=ROOT):
    return {str(p.relative_to(root)) for p in closure(*modules, root=root)}


def test_imports_are_followed_at_any_depth_and_in_functions(tmp_path):
    package = tmp_path / "emospace"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "a.py").write_text("def f():\n    from emospace import b\n    import os\n")
    (package / "b.py").write_text("from emospace.c import thing\nimport emospace.a\n")
    (package / "c.py").write_text("thing = 1\n")
    (package / "d.py").write_text("import emospace.c\n")
    assert names("emospace.a", root=tmp_path) == {f"emospace/{m}.py" for m in ("__init__", "a", "b", "c")}
    assert names("emospace.d", root=tmp_path) == {f"emospace/{m}.py" for m in ("__init__", "c", "d")}


def test_the_code_of_an_encoder_excludes_other_encoders():
    mfcc = names("workflow_scripts.embed", "emospace.features.encoders.mfcc")
    assert "emospace/features/encoders/mfcc.py" in mfcc and "emospace/core/store.py" in mfcc
    assert not mfcc & {
        "emospace/features/encoders/clip.py",
        "emospace/features/encoders/sbert.py",
        "emospace/models/unified/__init__.py",
    }


def test_the_code_of_training_excludes_metrics_and_report():
    code = names("workflow_scripts.train", "emospace.models.unified", "emospace.models.linear_probe")
    assert "emospace/models/unified/__init__.py" in code
    assert not {c for c in code if "metrics" in c or "report" in c or "bootstrap" in c}


def test_a_recipe_is_refused_if_its_code_changed(tmp_path):
    (tmp_path / "x.py").write_text("1\n")
    recipe = tmp_path / "r.json"
    recipe.write_text(json.dumps({"code": {"x.py": "0" * 64}}))
    with pytest.raises(InputError, match=r"x\.py: the file changed while the workflow was running"):
        read_recipe(recipe, root=tmp_path)


EVERYWHERE = """
class A:
    async def f(self):
        async with x:
            from emospace import a
        for y in z:
            import emospace.b
        else:
            from emospace.c import d
try:
    import emospace.e
except* OSError:
    import emospace.f
else:
    import emospace.g
finally:
    import emospace.h
match x:
    case 1:
        import emospace.i
if TYPE_CHECKING:
    import emospace.never
else:
    import emospace.never
if x:
    pass
elif y:
    import emospace.j
"""


def test_imports_are_found_in_every_block_and_a_file_is_parsed_once(tmp_path, monkeypatch):
    (path := tmp_path / "x.py").write_text(EVERYWHERE)
    parsed, parse = [], ast.parse
    monkeypatch.setattr(ast, "parse", lambda *args: parsed.append(args) or parse(*args))
    modules = {name for name in syntax(path).imports if name.count(".") == 1}
    assert modules == {f"emospace.{letter}" for letter in "abcefghij"}
    assert code_digest(path) == syntax(path).digest and len(parsed) == 1
    path.write_text(EVERYWHERE + "import emospace.k\n")
    assert "emospace.k" in syntax(path).imports
