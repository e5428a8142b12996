#!/bin/sh
# The acceptance test of the active/active deployment: kill one of two API servers and
# prove that nobody noticed. Five steps, on loopback, with the deployment's own limits:
#
#   0. both API servers are UP, chat clients connected to both
#   1. five requests: all 200
#   2. kill -9 backend-api-1
#   3. it is DOWN within 30 s (about 15 s: fall 3 x inter 5 s)
#   4. five requests: all 200 by backend-api-2; the chat clients are there as well
#   5. start it again, it is UP within 30 s; no chat message lost or doubled
#
# usage: test/test_backend_failover.sh [flags of `bascule drill failover`]
#   e.g. --inter 200ms for a short run, --balancer haproxy to compare
#
# BASCULE is the binary to test; without it bin/bascule is built. REPEAT is how many
# times in a row it must pass (1).
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
if [ -z "${BASCULE:-}" ]; then
	make -s -C "$root" build
	BASCULE=$root/bin/bascule
fi

round=1
while [ "$round" -le "${REPEAT:-1}" ]; do
	if [ "${REPEAT:-1}" -gt 1 ]; then
		echo "round $round of $REPEAT"
	fi
	"$BASCULE" drill failover "$@"
	round=$((round + 1))
done
