#!/bin/bash
# Measures one TCP stream through `forward` against the same stream through `ssh -L` and without either, on this machine's loopback, in one run.
#   compare-forward.sh [RUNS] [MEGABYTES]
# RUNS       downloads each way; the ways take turns, so that what else the machine does meets all of them. Default 5
# MEGABYTES  of each download. Default 500
# Needs OpenSSH, curl and python3. Uses keys and ports of its own and ends everything that it started. As root it makes /run/sshd, which sshd wants.
set -euo pipefail
cd "$(dirname "$0")/../.."
runs=${1:-5} megabytes=${2:-500}

work=$(mktemp -d)
children=()
cleanup() {
  for child in "${children[@]}"; do kill "$child" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
await() { # PORT: until something listens there
  for _ in {1..600}; do
    if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return; fi
    sleep 0.1
  done
  echo "Nothing listens on port $1." >&2
  exit 1
}

dotnet build src/Registry.Host -c Release -v quiet --nologo
registry=(dotnet src/Registry.Host/bin/Release/net10.0/Registry.Host.dll)

target=$(free_port)
cat > "$work/server.py" <<'PYTHON'
"""Sends so many megabytes of one HTTP/1.0 response to each client, and then the end of file."""
import socket, sys, threading

def serve(client, megabytes, block=b"x" * 1_000_000):
    with client:
        client.recv(65536)
        client.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
        for _ in range(megabytes):
            client.sendall(block)

listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=64)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0], int(sys.argv[2])), daemon=True).start()
PYTHON
python3 "$work/server.py" "$target" "$megabytes" 2>/dev/null & children+=($!)
await "$target"

ssh-keygen -q -t ed25519 -N '' -f "$work/host"
ssh-keygen -q -t ed25519 -N '' -f "$work/user"
sshd_port=$(free_port) ssh_port=$(free_port)
cat > "$work/sshd_config" <<CONFIG
ListenAddress 127.0.0.1:$sshd_port
HostKey $work/host
AuthorizedKeysFile $work/user.pub
PidFile none
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
CONFIG
[ "$(id -u)" -ne 0 ] || mkdir -p /run/sshd
"$(PATH=$PATH:/usr/sbin command -v sshd)" -D -e -f "$work/sshd_config" 2>"$work/sshd.log" & children+=($!)
await "$sshd_port"
ssh -F none -N -i "$work/user" -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile="$work/known" -o LogLevel=ERROR \
  -L "127.0.0.1:$ssh_port:127.0.0.1:$target" -p "$sshd_port" "$(id -un)@127.0.0.1" & children+=($!)
await "$ssh_port"

http=$(free_port) forward_port=$(free_port)
"${registry[@]}" serve --http "http://127.0.0.1:$http" --allow "127.0.0.1:$target" >"$work/serve.log" 2>&1 & children+=($!)
await "$http"
"${registry[@]}" forward -L "$forward_port:127.0.0.1:$target" --gateway "http://127.0.0.1:$http" >"$work/forward.log" 2>&1 & children+=($!)
await "$forward_port"

for ((run = 0; run <= runs; run++)); do # the first warms up and is not counted
  for way in "direct $target" "ssh $ssh_port" "forward $forward_port"; do
    speed=$(curl --silent --show-error --fail --noproxy '*' --output /dev/null --write-out '%{size_download} %{speed_download}' "http://127.0.0.1:${way#* }/")
    [ "${speed% *}" -eq $((megabytes * 1000000)) ] || { echo "${way% *}: ${speed% *} bytes of $((megabytes * 1000000)) came." >&2; exit 1; }
    if [ "$run" -gt 0 ]; then echo "${way% *} ${speed#* }" | tee -a "$work/speeds" >&2; fi
  done
done

python3 - "$work/speeds" <<'PYTHON'
"""Medians and extremes in MB/s, and each median as a part of the direct one's."""
import collections, statistics, sys

speeds = collections.defaultdict(list)
for line in open(sys.argv[1]):
    way, speed = line.split()
    speeds[way].append(float(speed) / 1e6)
direct = statistics.median(speeds["direct"])
for way, values in speeds.items():
    print(f"{way:8} median {statistics.median(values):7.1f} MB/s  ({min(values):.1f} to {max(values):.1f})  {statistics.median(values) / direct:6.1%} of direct")
PYTHON
