#!/bin/bash
# fuzz/run.sh SECONDS_EACH [TARGET...]: builds the fuzz targets and runs each so long, beginning with its kept corpus.
# Fails on a crash, a leak, a hang above 20 s or more than 2 GiB of memory; the input stays in build/fuzz/crashes/.
# HF_BUILD_DIR names another build directory. New inputs of interest gather in build/fuzz/corpus/; to keep the best of
# them: build/fuzz/fuzz/fuzz_tree -merge=1 fuzz/corpus/tree build/fuzz/corpus/tree
set -euo pipefail
[[ ${1:-} =~ ^[0-9]+$ ]] || { sed -n '2,5s/^# //p' "$0" >&2; exit 2; }
seconds=$1
shift
root=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")
cd "$root"
build=${HF_BUILD_DIR:-build/fuzz}
[ -f "$build/build.ninja" ] || cmake --preset fuzz -B "$build" >/dev/null
ninja -C "$build" fuzz/all >/dev/null
if [ $# -eq 0 ]; then
  for program in "$build"/fuzz/fuzz_*; do
    if [ -f "$program" ] && [ -x "$program" ]; then set -- "$@" "$(basename "$program" | sed s/^fuzz_//)"; fi
  done
fi
mkdir -p "$build/crashes"

one() {
  target=$1 found=$build/corpus/$1 kept=fuzz/corpus/$1 log=$build/corpus/$1.log
  mkdir -p "$found" "$kept"
  if "$build/fuzz/fuzz_$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
      -artifact_prefix="$build/crashes/$target-" "$found" "$kept" >"$log" 2>&1 </dev/null; then
    echo "fuzz_$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") runs, $(sed -n 's/^#.*\(cov: [0-9]* ft: [0-9]*\).*/\1/p' "$log" | tail -1)"
  else
    tail -n 40 "$log" >&2
    echo "fuzz_$target: FAILED; the input is in $build/crashes/" >&2
    return 1
  fi
}
export -f one
export build seconds
printf '%s\0' "$@" | xargs -0 -n 1 -P "$(nproc)" bash -c 'one "$1"' fuzz
