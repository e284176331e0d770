#!/bin/bash
# Packs the gateway program as a .NET tool, installs it from the folder it was packed into, and runs it: check-config, selftest, a gateway that is asked for its nodes.
# Takes about a minute and needs nothing but the SDK; leaves nothing behind. Prints what it ran; the last line is "The tool works.".
set -euo pipefail
cd "$(dirname "$0")/../.."

export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1
folder=$(mktemp -d)
gateway=
trap '[ -z "$gateway" ] || kill "$gateway" 2>/dev/null || true; rm -rf "$folder"' EXIT

run() {
  echo "\$ $*"
  "$@"
}

run dotnet pack src/Registry.Host -c Release -o "$folder/packages" -v quiet
run dotnet tool install Registry.Host --add-source "$folder/packages" --tool-path "$folder/tool" --version "$(basename "$folder"/packages/Registry.Host.*.nupkg .nupkg | sed 's/^Registry.Host.//')"
registry="$folder/tool/registry"
run "$registry" --version
# From another folder: the settings that come with the program must be in the package.
cd "$folder"
run "$registry" check-config
run "$registry" selftest --mb 4
"$registry" serve --http http://127.0.0.1:0 > "$folder/output" &
gateway=$!
for _ in $(seq 300); do
  url=$(sed -n 's/^Dashboard: *//p' "$folder/output")
  [ -n "$url" ] && break
  sleep 0.1
done
run "$registry" nodes --gateway "$url"
kill "$gateway"
wait "$gateway"
gateway=
echo "The tool works."
