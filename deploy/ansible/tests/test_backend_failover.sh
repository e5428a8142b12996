#!/bin/sh
# The acceptance test of the active/active deployment: end one of two API servers and
# prove that nobody noticed. Five steps, with the deployment's own limits:
#
#   0. both API servers are UP, chat clients connected to both
#   1. five requests: all 200
#   2. end backend-api-1 by force
#   3. it is DOWN within 30 s (about 15 s: fall 3 x inter 5 s)
#   4. five requests: all 200 by backend-api-2; the chat clients are there as well
#   5. start it again, it is UP within 30 s; no chat message lost or doubled
#
# usage: test_backend_failover.sh [flags of `bascule drill failover`]
#
# Without flags the servers and the balancer are processes on loopback; --inter 200ms
# makes it a short run, --balancer haproxy compares. A deployment that runs is tested by
# its addresses, and by the commands that stop and start the server's container:
#
#   ssh -fNL /tmp/admin.sock:/run/haproxy/admin.sock balancer
#   test_backend_failover.sh --site http://haproxy.lxd --runtime /tmp/admin.sock \
#       --stop 'incus stop --force backend-api-1' --start 'incus start backend-api-1'
#
# BASCULE is the binary to test with; without it bin/bascule is built. REPEAT is how many
# times in a row it must pass (1).
set -eu

root=$(cd "$(dirname "$0")/../../.." && pwd)
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
