"""Paths below results/<name>/, on top of those that all configs share (data_paths.py).

They contain the name of the config, because protocols, runs or corpora of two configs may have the same name. They do
not lie below a corpus, because a protocol may have several.
"""

from collections.abc import Iterable

from emospace.core.errors import InputError
from emospace.plan.data_paths import COPY, PARENT, DataPaths, fill, offsets, sidecars, weight_records
from emospace.plan.plan import Plan
from emospace.plan.run_products import joint, outputs
from emospace.runs.run_files import MODEL_FILES, OUTPUT_FILES, TRAIN

JOINT = "_joint"  # in place of a run; no run has this name


class Paths(DataPaths):
    """Paths of everything that a plan's config reads and makes; the attributes are patterns."""

    def __init__(self, plan: Plan):
        super().__init__(plan)
        self.results = f"results/{plan.name}"
        self.quality = f"data/quality/{plan.name}/{{corpus}}.csv"
        self.folds = f"{self.results}/protocols/{{protocol}}/{{fold}}.csv"
        self.protocol = f"{self.results}/protocols/{{protocol}}.json"
        self.audit = f"{self.results}/audit/{{protocol}}.json"
        self.scores = f"{self.results}/augmented/scores/{{corpus}}/{{view}}/{{part}}.csv"
        self.gate = f"{self.results}/augmented/gate/{{protocol}}/{{fold}}.{{view}}.csv"
        self.sheet = f"{self.results}/augmented/sheets/{{corpus}}/{{view}}.json"
        self.children = f"{self.results}/augmented/children/{{protocol}}/{{fold}}.{{view}}.csv"
        self.child_audit = f"{self.results}/augmented/audit/{{protocol}}.{{view}}.json"
        self.child_counts = f"{self.results}/augmented/children.csv"
        self.augmented_quality = f"{self.results}/augmented/quality/{{corpus}}.csv"
        self.run = f"{self.results}/runs/{{run}}/{{fold}}-{{seed}}"
        self.evaluation = f"{self.results}/evaluation/{{run}}"
        self.analyses = f"{self.results}/analyses/{{run}}"

    # Protocols and augmented rows ------------------------------------------------------------------------------

    def fold_tables(self, protocol: str) -> list[str]:
        return fill(self.folds, protocol=protocol, fold=self.plan.folds(protocol))

    def audits(self) -> list[str]:
        """Return the audit of every protocol."""
        return fill(self.audit, protocol=self.plan.config["protocols"])

    def augmented(self, pattern: str) -> list[str]:
        """Return the pattern filled for all protocols, their folds, and the augmented views that runs train on."""
        views = {protocol: self.plan.training_views(protocol) for protocol in self.plan.config["protocols"]}
        return [
            path
            for protocol, names in views.items()
            for path in fill(pattern, protocol=protocol, fold=self.plan.folds(protocol), view=names)
        ]

    def gated(self, view: str, protocol: str) -> list[str]:
        """Return the scores and the stores for the probe by which the gate judges the copies in each fold."""
        scores = self.over_corpora(self.scores, protocol, view=view)
        return [*scores, *self.probe(view, protocol, PARENT), *self.probe(view, protocol, COPY)]

    def shown(self, view: str, corpus: str) -> list[str]:
        """Return the files from which a sheet takes scores, items and transcripts."""
        items = [*self.of_corpus(self.plan.views.parent(view), corpus), *self.of_corpus(view, corpus)]
        words = [*self.transcripts(view, corpus, PARENT), *self.transcripts(view, corpus, COPY)]
        return [*self.over_parts(self.scores, corpus, view=view), *items, *words]

    def sheets(self) -> list[str]:
        """Return the sheets of examples of all augmented views, for the report."""
        return fill(self.sheet, corpus=self.plan.config["corpora"], view=self.plan.augmented())

    # Runs ------------------------------------------------------------------------------------------------------

    def of_run(self, pattern: str, run: str, fold: str | Iterable[str] = ()) -> list[str]:
        """Return the pattern filled with a run's protocol, the folds and the augmented views that it trains on."""
        spec = self.plan.run(run)
        return fill(pattern, protocol=spec["protocol"], fold=fold, view=spec["augment"])

    def inputs(self, run: str) -> list[str]:
        """Return the main files of all views and features that a run reads, for its own and for augmented rows."""
        replacements = (replacement for _, _, replacement in self.plan.exchanges(run))
        protocol = self.plan.run(run)["protocol"]
        names = [*self.plan.sources(run), *replacements]
        return [path for name in names for path in self.of_protocol(name, protocol)]

    def input_data(self, run: str) -> list[str]:
        """Return the data files of these views and features: large files, which rules declare as `ancient`."""
        files = self.inputs(run)
        return [*files, *offsets(files)]

    def input_sidecars(self, run: str) -> list[str]:
        return sidecars(self.inputs(run))

    def manifests_read(self, run: str) -> list[str]:
        """Return the manifests of all parts if the run reads a view, because reading its items requires the rows."""
        reads_view = any("." not in name for name in self.plan.sources(run))
        return self.over_corpora(self.part, self.plan.run(run)["protocol"]) if reads_view else []

    def model_weights(self, run: str) -> list[str]:
        """Return the record of a run's pretrained weights, if it has any."""
        return weight_records([self.plan.run(run)["weights"]] if "weights" in self.plan.run(run) else [])

    def run_folders(self, run: str) -> list[str]:
        """Return the folders of all folds and seeds of a run."""
        folds = self.plan.folds(self.plan.run(run)["protocol"])
        return fill(self.run, run=run, fold=folds, seed=map(str, self.plan.seeds(run)))

    def trainings(self, run: str, file: str) -> list[str]:
        """Return a file of all folds and seeds of a run."""
        return [f"{folder}/{file}" for folder in self.run_folders(run)]

    def all_trainings(self, file: str) -> list[str]:
        """Return a file of every run, fold and seed."""
        return [path for run in self.plan.config["runs"] for path in self.trainings(run, file)]

    # Runs that read runs ---------------------------------------------------------------------------------------

    def parent_folders(self, run: str, fold: str, seed: str) -> dict[str, str]:
        """Return parent run -> its folder for the same fold and the matching seed."""
        seeds = {parent: self.plan.parent_seed(parent, int(seed)) for parent in self.plan.parents(run)}
        return {parent: self.run.format(run=parent, fold=fold, seed=number) for parent, number in seeds.items()}

    def parent_sidecars(self, run: str, fold: str, seed: str) -> list[str]:
        """Return the sidecars of a run's parents, and of their outputs for train rows where needed."""
        folders = self.parent_folders(run, fold, seed)
        on_train = [f"{folders[parent]}/{TRAIN}/apply.json" for parent in self.plan.parents_on_train(run)]
        return [*(f"{folder}/run.json" for folder in folders.values()), *on_train]

    def parent_outputs(self, run: str, fold: str, seed: str) -> list[str]:
        """Return the models of its parents that a run reads, and outputs for dev, test and where needed train rows."""
        folders, on_train = self.parent_folders(run, fold, seed), self.plan.parents_on_train(run)
        read = self.plan.outputs_read(run)
        of_train = [f"{folders[p]}/{TRAIN}/{file}" for p, file in read if p in on_train and file not in MODEL_FILES]
        return [*(f"{folders[parent]}/{file}" for parent, file in read), *of_train]

    # Evaluation and analyses -----------------------------------------------------------------------------------

    def evaluations(self, file: str) -> list[str]:
        """Return a file of every run's evaluation, in the order of the config."""
        return [f"{self.evaluation.format(run=run)}/{file}" for run in self.plan.config["runs"]]

    def baseline_folders(self, run: str) -> list[str]:
        """Return the folders of a run's baseline, or none if the run is its own baseline."""
        baseline = self.plan.baseline(run)
        return [] if baseline == run else self.run_folders(baseline)

    def baseline_trainings(self, run: str, file: str) -> list[str]:
        """Return a file in each of these folders."""
        return [f"{folder}/{file}" for folder in self.baseline_folders(run)]

    def of_other(self, pattern: str, run: str) -> list[str]:
        """Return the pattern filled for the protocol of a run's baseline, if it differs from the run's."""
        if not (other := self.plan.other_protocol(run)):
            return []
        return fill(pattern, protocol=other, corpus=self.plan.protocol_corpora(other), fold=self.plan.folds(other))

    def analysed_runs(self, run: str, analysis: str) -> list[str]:
        """Return the run and the other runs that the options of an analysis name."""
        return list(dict.fromkeys([run, *self.plan.other_runs(analysis)]))

    def analysed_folders(self, run: str, analysis: str) -> list[str]:
        """Return the folders of all trainings of these runs."""
        return [folder for name in self.analysed_runs(run, analysis) for folder in self.run_folders(name)]

    def analysed_sidecars(self, run: str, analysis: str) -> list[str]:
        """Return the sidecars of these trainings and of those of the run's parents."""
        parents = [folder for parent in self.plan.parents(run) for folder in self.run_folders(parent)]
        return list(dict.fromkeys(f"{folder}/run.json" for folder in [*self.analysed_folders(run, analysis), *parents]))

    def analysed_outputs(self, run: str, analysis: str) -> list[str]:
        """Return what an analysis of a run may read of runs: stored models and outputs, of others their predictions."""
        folders = [folder for name in [run, *self.plan.parents(run)] for folder in self.run_folders(name)]
        stored = [f"{folder}/{file}" for folder in folders for file in (*MODEL_FILES, *OUTPUT_FILES)]
        read = [path for parent, file in self.plan.outputs_read(run) for path in self.trainings(parent, file)]
        others = [path for name in self.plan.other_runs(analysis) for path in self.trainings(name, OUTPUT_FILES[0])]
        return list(dict.fromkeys([*stored, *read, *others]))

    def analysed_protocols(self, pattern: str, run: str, analysis: str) -> list[str]:
        """Return the pattern filled for the protocols of the runs that an analysis of a run reads."""
        return self.over_runs(pattern, self.analysed_runs(run, analysis))

    def analysed_views(self, run: str, analysis: str) -> list[str]:
        """Return the main files of the views that the options of an analysis name."""
        protocol = self.plan.run(run)["protocol"]
        return [path for view in self.plan.analysed_views(analysis) for path in self.of_protocol(view, protocol)]

    def analysed_data(self, run: str, analysis: str) -> list[str]:
        """Return the data files that an analysis of a run reads: the run's inputs, and views."""
        views = self.analysed_views(run, analysis)
        return list(dict.fromkeys([*self.input_data(run), *views, *offsets(views)]))

    def analysed_inputs(self, run: str, analysis: str) -> list[str]:
        """Return their sidecars."""
        return list(dict.fromkeys(sidecars([*self.inputs(run), *self.analysed_views(run, analysis)])))

    def analysed_manifests(self, run: str, analysis: str) -> list[str]:
        """Return the manifests of all parts if the run or the analysis reads a view."""
        reads_view = self.manifests_read(run) or self.plan.analysed_views(analysis)
        return self.over_corpora(self.part, self.plan.run(run)["protocol"]) if reads_view else []

    def joint_analysis(self, name: str) -> str:
        """Return the folder of an analysis of several runs."""
        return f"{self.analyses.format(run=JOINT)}/{name}"

    def joint_protocols(self, runs: Iterable[str]) -> list[str]:
        """Return the protocols of several runs, each once."""
        return list(dict.fromkeys(self.plan.run(run)["protocol"] for run in runs))

    def over_runs(self, pattern: str, runs: Iterable[str]) -> list[str]:
        """Return the pattern filled for the protocols of several runs, their folds and their corpora."""
        plan, protocols = self.plan, self.joint_protocols(runs)
        filled = (fill(pattern, protocol=p, fold=plan.folds(p), corpus=plan.protocol_corpora(p)) for p in protocols)
        return list(dict.fromkeys(path for paths in filled for path in paths))

    def analysis_files(self, file: str = "", plug_in: str = "") -> list[str]:
        """Return a file of every analysis of every run, or all their outputs. plug_in: of this module only.

        Raises InputError if the config has no analysis of that module.
        """
        analyses = {n: s for n, s in self.plan.config["analyses"].items() if plug_in in ("", s["analysis"])}
        if plug_in and not analyses:
            raise InputError("config: analyses", f"there is no analysis {plug_in!r}", f"add {plug_in}: {{runs: [...]}}")
        pairs = [(JOINT, name) for name, spec in analyses.items() if spec["runs"] and joint(spec)]
        separate = [name for name, spec in analyses.items() if not joint(spec)]
        pairs += [(run, name) for run in self.plan.config["runs"] for name in separate if run in analyses[name]["runs"]]
        return [
            f"{self.analyses.format(run=run)}/{name}/{output}"
            for run, name in pairs
            for output in ([file] if file else outputs(analyses[name]))
        ]
