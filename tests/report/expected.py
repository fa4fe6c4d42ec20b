"""What the page of a report has to show of its data: worked out from the JSON alone, not from the page's scripts.

A chart or a cell of a table is known by what it is of, such as {"chart": "curve", "scenario": "steady", ...}; as a key,
that is its JSON text with sorted names.
"""

import json
import math

QUANTITIES = ("p50_us", "p99_us", "max_us")
SWEEP = ("produce_p50_us", "produce_p99_us", "consume_p99_us", "achieved_per_second")
SAMPLES = {
    "memory": {"rss_bytes": "process (RSS)", "page_cache_bytes": "page cache", "dirty_bytes": "dirty",
               "writeback_bytes": "writeback"},
    "pressure": {"psi_io": "I/O", "psi_memory": "memory", "psi_cpu": "CPU",
                 "stolen_percent": "kept by the hypervisor"},
}
RAW = "raw"


def key(**of):
    return json.dumps(of, sort_keys=True)


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def positive(value):
    """A chart with a logarithmic axis has no place for 0."""
    return is_number(value) and value > 0


def points(xs, ys, shown=is_number):
    return [(x, y) for x, y in zip(xs, ys) if is_number(x) and shown(y)]


def in_order(values):
    return list(dict.fromkeys(values))


class Expected:
    """`choose`: which of the repeats of a scenario the charts over time show."""

    def __init__(self, data, choose=min):
        self.data = data
        self.choose = choose
        self.charts = {}  # key: {label: points}
        self.heat = {}  # key: cells
        self.cells = {}  # key: (value, unit, rank)
        self.failed = {}  # key: reasons
        for scenario in in_order(entry["scenario"] for entry in data["summaries"] + data["runs"]):
            self.expect_metrics(scenario)
            self.expect_distributions(scenario)
            self.expect_runs(scenario)
        self.expect_matrix()

    def label(self, scenario, target):
        failed = any(summary["failed"] for summary in self.summaries(scenario) if summary["target"] == target)
        return f"{target} (failed)" if failed else target

    def summaries(self, scenario):
        return [summary for summary in self.data["summaries"] if summary["scenario"] == scenario]

    def add_chart(self, series, **of):
        if any(series.values()):
            self.charts[key(**of)] = series

    # Tables

    def expect_metrics(self, scenario):
        ranks = self.ranks(scenario)
        for summary in self.summaries(scenario):
            target = summary["target"]
            if summary["failed"]:
                self.failed[key(table="failed", scenario=scenario, target=target)] = summary["failed"]
                continue
            for name, metric in summary["metrics"].items():
                if is_number(metric["median"]):
                    self.cells[key(table="metrics", scenario=scenario, metric=name, target=target)] = (
                        metric["median"], metric["unit"], ranks.get((name, target)))

    def ranks(self, scenario):
        """By metric and target: "best" where no other range touches the best one's, else "level" for those that do."""
        racing = {}
        for summary in self.summaries(scenario):
            if summary["failed"] or summary["target"] == RAW:
                continue
            for name, metric in summary["metrics"].items():
                if metric["better"] != "neither" and is_number(metric["median"]):
                    median = metric["median"]
                    ends = [median if metric.get(end) is None else metric[end] for end in ("low", "high")]
                    order = -median if metric["better"] == "more" else median
                    racing.setdefault(name, []).append((order, summary["target"], *ends))
        ranks = {}
        for name, entries in racing.items():
            if len(entries) < 2:
                continue
            _, _, low, high = min(entries, key=lambda entry: entry[0])
            touching = [target for _, target, start, end in entries if start <= high and low <= end]
            for target in touching:
                ranks[name, target] = "best" if len(touching) == 1 else "level"
        return ranks

    def expect_matrix(self):
        for cell in self.data["matrix"]:
            if is_number(cell["mb_per_second"]):
                of = {name: cell[name] for name in ("what", "target", "block_bytes", "depth")}
                self.cells[key(table="matrix", **of)] = (cell["mb_per_second"], "MB/s", None)

    # Charts

    def expect_distributions(self, scenario):
        summaries = self.summaries(scenario)
        for name in in_order(name for summary in summaries for name in summary["distributions"]):
            having = [summary for summary in summaries if summary["distributions"].get(name, {}).get("curve")]
            series = {}
            for summary in having:
                distribution = summary["distributions"][name]
                curve = [(-math.log10(1 - percentile / 100), us) for percentile, us in distribution["curve"]]
                series[self.label(scenario, summary["target"])] = points(*zip(*curve), positive)
                shown = {**distribution["percentiles"], "max": distribution["max_us"]}
                for percentile, us in shown.items():
                    if is_number(us):
                        self.cells[key(table="percentiles", scenario=scenario, distribution=name, percentile=percentile,
                                       target=summary["target"])] = (us, "us", None)
            self.add_chart(series, chart="curve", scenario=scenario, distribution=name)

    def expect_runs(self, scenario):
        runs = [run for run in self.data["runs"] if run["scenario"] == scenario]
        if not runs:
            return
        repeat = self.choose(run["repeat"] for run in runs)
        runs = [run for run in runs if run["repeat"] == repeat]
        of = {"scenario": scenario, "repeat": repeat}
        for name in in_order(name for run in runs for name in run["seconds"]):
            having = [run for run in runs if run["seconds"].get(name, {}).get("t")]
            self.expect_seconds(having, name, of)
            self.expect_heat(having, name, of)
        self.expect_stages(runs, of)
        for chart, names in SAMPLES.items():
            for run in runs:
                samples = run["samples"]
                series = {label: points(samples["t"], samples[name])
                          for name, label in names.items() if samples.get(name)}
                self.add_chart(series, chart=chart, target=run["target"], **of)
        self.expect_sweep([run for run in runs if run["points"]], of)

    def expect_seconds(self, runs, name, of):
        all_series = {}
        for quantity in QUANTITIES:
            all_series[quantity] = {
                self.label(of["scenario"], run["target"]):
                    points(run["seconds"][name]["t"], run["seconds"][name][quantity], positive) for run in runs}
        if any(shown for series in all_series.values() for shown in series.values()):
            for quantity, series in all_series.items():
                self.charts[key(chart="seconds", distribution=name, quantity=quantity, **of)] = series

    def expect_heat(self, runs, name, of):
        for run in runs:
            seconds = run["seconds"][name]
            if seconds["heat"]:
                chart = key(chart="heat", distribution=name, target=run["target"], **of)
                self.charts[chart] = {"slowest": points(seconds["t"], seconds["max_us"], positive)}
                self.heat[chart] = seconds["heat"]

    def expect_stages(self, runs, of):
        series = {}
        for run in runs:
            stages = [(stage["name"], stage["mean_us"]) for stage in run["stages"]]
            if any(is_number(mean) for _, mean in stages):
                series[run["target"]] = stages
        self.add_chart(series, chart="stages", **of)

    def expect_sweep(self, runs, of):
        for quantity in SWEEP:
            shown = positive if quantity.endswith("_us") else is_number
            series = {}
            for run in runs:
                steps = sorted(run["points"], key=lambda point: point["offered_per_second"])
                series[self.label(of["scenario"], run["target"])] = points(
                    [step["offered_per_second"] for step in steps], [step[quantity] for step in steps], shown)
            self.add_chart(series, chart="sweep", quantity=quantity, **of)
