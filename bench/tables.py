"""The tables of side_by_side.py: medians, ratios, and how far the runs lay apart."""
import math
import statistics

TIMED = ["open", "first", "again", "next", "verify", "restore", "prune"]
NONE = float("nan")


def median(values):
    return statistics.median(values) if values else NONE


def of_step(row, step, what="wall"):
    return median([result[what] for result in row["steps"].get(step, [])])


def peak(row):
    return max((result["peak_mib"] for results in row["steps"].values() for result in results), default=NONE)


def ratio(one, other):
    return one / other if other else NONE


def show(value, digits=2):
    return "–" if math.isnan(value) else f"{value:,.{digits}f}"


def table(head, rows):
    """Prints a Markdown table; columns in which no row has anything are left out."""
    kept = [i for i in range(len(head)) if i == 0 or any(row[i] != "–" for row in rows)]
    cells = [[row[i] for i in kept] for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells)]
    cells.insert(1, ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])
    for row in cells:
        aligned = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))]
        print("| " + " | ".join(aligned) + " |")
    print(flush=True)


def report(name, result, against):
    rows, v1 = result["programs"], result["corpus"]["v1"]
    runs = max((len(row["size"]) for row in rows.values()), default=0)
    print(f"## {name}: {v1['files']:,} files, {v1['bytes'] / 1e6:,.0f} MB; medians of {runs} run{'' if runs == 1 else 's'}\n")
    for row_name, row in rows.items():
        for failure in row["failed"]:
            print(f"**FAILED** {row_name}, {failure}\n")
    limit_seconds = limits(result["limit"], v1["bytes"])
    main_table(result, limit_seconds)
    for words, what, digits in (("peak MiB", "peak_mib", 0), ("CPU seconds", "cpu", 2)):
        table([words, *TIMED], [[key, *(show(of_step(row, step, what), digits) for step in TIMED)] for key, row in rows.items()])
    if against in rows and len(rows) > 1:
        ratio_table(rows, against)
    spread(rows)


def limits(found, size):
    """Prints what the machine could do at best, and returns its seconds."""
    if not found:
        return NONE
    seconds = median([one["walk"] + one["write"] for one in found])
    one = found[0]
    stages = ", ".join(f"{stage} {one[stage]:.2f}" for stage in ("read", "hash", "compress", "seal", "write") if stage in one)
    print(f"Limit: {size / 1e6 / seconds:,.0f} MB/s, {one['threads']} threads, zstd {one['level']}, "
          f"stores {one['stored'] / 1e6:,.1f} MB. Seconds: walk {one['walk']:.2f}; each with those before it: {stages}.\n")
    return seconds


def main_table(result, limit_seconds):
    v1 = result["corpus"]["v1"]["bytes"] / 1e6
    v2 = result["corpus"].get("v2", result["corpus"]["v1"])["bytes"] / 1e6
    body = []
    for name, row in result["programs"].items():
        first = of_step(row, "first")
        less_open = first - of_step(row, "open")
        restored = v2 if row["growth_next"] else v1
        body.append([name, *(show(of_step(row, step)) for step in TIMED),
                     show(v1 / first, 0), show(100 * limit_seconds / first, 0), show(ratio(100 * limit_seconds, less_open), 0),
                     show(restored / of_step(row, "restore"), 0),
                     show(median(row["size"]) / 1e6, 1), show(median(row["parity"]) / 1e6, 1), show(median(row["growth_again"]) / 1e6),
                     show(median(row["growth_next"]) / 1e6), show(median(row["size_pruned"]) / 1e6, 1),
                     show(max(row["differs"], key=abs, default=NONE), 0)])
    table(["seconds", *TIMED, "first MB/s", "% of limit", "less open", "restore MB/s", "size MB", "parity MB", "again +MB", "next +MB",
           "pruned MB", "differs"], body)


def ratio_table(rows, against):
    """How many times as much as `against` each other program takes: above 1, `against` is better."""
    measures = {step: (lambda row, step=step: of_step(row, step)) for step in TIMED}
    measures["size"] = lambda row: median(row["size"])
    measures["next +MB"] = lambda row: median(row["growth_next"])
    measures["peak MiB"] = peak
    base = rows[against]
    table([f"÷ {against}", *measures],
          [[name, *(show(ratio(measure(row), measure(base))) for measure in measures.values())]
           for name, row in rows.items() if name != against])


def spread(rows):
    """How far the runs lay apart, which is how far to trust the tables."""
    apart = {}
    for name, row in rows.items():
        for step in TIMED[1:]:
            walls = [result["wall"] for result in row["steps"].get(step, [])]
            if len(walls) > 1:
                apart[name, step] = 100 * (max(walls) - min(walls)) / statistics.median(walls)
    if apart:
        name, step = max(apart, key=apart.get)
        print(f"Between runs, slowest less fastest: typically {statistics.median(apart.values()):.0f} % of the median, "
              f"at most {apart[name, step]:.0f} % ({name}, {step}).\n")
