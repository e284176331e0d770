#!/bin/bash
# Runs this stack and the foreign ones side by side and prints medians and the ratio to the best foreign stack.
#   compare-peers.sh PEERS [RUNS] [TESTS] [STACKS]
# PEERS   folder of the programs that drive the foreign stacks (netns.sh, run.sh, summarize.py, node/, relay/)
# RUNS    runs of every test, each in a fresh process; the stacks take turns, so that what else the machine does meets all of them. Default 3
# TESTS   connect,bulk50,bulk200,tput16,tput64,latency,footprint,adv0,adv1,bw100 or some of them
# STACKS  ours,libdatachannel,wrtc,werift or some of them
# Needs root (network namespaces), Node.js, gcc, and the npm packages of tests/Registry.Interop.Tests/peers (npm ci).
set -euo pipefail
cd "$(dirname "$0")/../.."

peers=$(realpath "${1:?usage: compare-peers.sh PEERS [RUNS] [TESTS] [STACKS]}")
runs=${2:-3}
tests=${3:-connect,bulk50,bulk200,tput16,tput64,latency,footprint,adv0,adv1,bw100}
stacks=${4:-ours,libdatachannel,wrtc,werift}
export BENCH_NODE_MODULES=${BENCH_NODE_MODULES:-$PWD/tests/Registry.Interop.Tests/peers/node_modules}

work=$(mktemp -d)
trap '"$peers/netns.sh" down 2>/dev/null; rm -rf "$work"' EXIT
gcc -O2 -o "$work/relay" "$peers/relay/relay.c"
dotnet build src/Registry.Host -c Release -v quiet --nologo
"$peers/netns.sh" up
export RELAY=$work/relay

for ((run = 1; run <= runs; run++)); do
  for stack in ${stacks//,/ }; do
    case $stack in
      ours) command=(dotnet "$PWD/src/Registry.Host/bin/Release/net10.0/Registry.Host.dll" bench) ;;
      *) command=(node --expose-gc "$peers/node/$stack.mjs") ;;
    esac
    echo "run $run of $runs: $stack" >&2
    (cd "$work" && bash "$peers/run.sh" "$work/$stack.jsonl" 1 "$tests" "${command[@]}")
  done
done

python3 "$peers/summarize.py" "$work"/*.jsonl
python3 - "$work"/*.jsonl <<'PYTHON'
"""The ratio of our median to the best median of the others, test by test."""
import collections, json, statistics, sys

FIGURES = {  # test: (figure, whether more is better)
    "connect": ("median_ms", False), "bulk": ("wall_s", False), "tput": ("mb_s", True), "adv": ("mb_s", True),
    "latency": ("p50_us", False), "footprint": ("rss_kb_per_pc", False),
}
values = collections.defaultdict(lambda: collections.defaultdict(list))
for file in sys.argv[1:]:
    for line in open(file):
        row = json.loads(line)
        name = row.get("adv") or row["test"] + str(row.get("n", "") if row["test"] == "bulk" else row.get("size", "") if row["test"] == "tput" else "")
        figure, _ = FIGURES["adv" if "adv" in row else row["test"]]
        if isinstance(row.get(figure), (int, float)):
            values[(name, figure, "adv" if "adv" in row else row["test"])]["ours" if row["peer"] == "registry" else row["peer"]].append(row[figure])
print()
for (name, figure, test), by_peer in sorted(values.items()):
    more = FIGURES[test][1]
    medians = {peer: statistics.median(v) for peer, v in by_peer.items()}
    others = {peer: m for peer, m in medians.items() if peer != "ours"}
    if "ours" not in medians or not others:
        continue
    best = (max if more else min)(others, key=others.get)
    ratio = medians["ours"] / others[best] if more else others[best] / medians["ours"]
    print(f"{name:10} {figure:14} ours {medians['ours']:10.4g}   best other {others[best]:10.4g} ({best})   {ratio:.2f} times as good")
PYTHON
