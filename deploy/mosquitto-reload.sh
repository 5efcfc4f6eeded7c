#!/bin/sh
# Runs a broker, and has it read its certificate anew when edgeguard has renewed it.
#
#	mosquitto-reload.sh /usr/sbin/mosquitto -c /mosquitto/config/mosquitto.conf
#
# It is the entrypoint of the broker's container; README.md has the compose lines.
# It needs nothing but a POSIX shell, cksum and sleep, which busybox has.
#
#	EDGEGUARD_CERT_DIR   the folder that edgeguard writes; /mosquitto/certs
#	EDGEGUARD_POLL       seconds between two looks at it; 5
#
# TERM, INT, QUIT, HUP, USR1 and USR2 go on to the broker, and its exit code is ours.
set -u

dir=${EDGEGUARD_CERT_DIR:-/mosquitto/certs}
poll=${EDGEGUARD_POLL:-5}

say() {
	echo "mosquitto-reload: $*" >&2
}

case $poll in
'' | *[!0-9]* | 0*)
	say "EDGEGUARD_POLL is \"$poll\"; it must be a whole number of seconds, 1 or more"
	exit 64
	;;
esac
if [ $# -eq 0 ]; then
	say "no broker is named; give its command, such as: mosquitto-reload.sh /usr/sbin/mosquitto -c /mosquitto/config/mosquitto.conf"
	exit 64
fi

# state prints what changes when one of the files does; nothing for no file.
state() {
	for file in "$dir/combined.pem" "$dir/crl.pem" "$dir/ca.crt"; do
		[ ! -r "$file" ] || cksum <"$file"
	done 2>/dev/null
}

# whole says whether combined.pem has all of its certificates and its one key: what
# is copied there by hand, or over a slow share, may be there in part.
whole() {
	begun=0 ended=0 keys=0
	while IFS= read -r line || [ -n "$line" ]; do
		case $line in
		'-----BEGIN '*'PRIVATE KEY-----'*) keys=$((keys + 1)) begun=$((begun + 1)) ;;
		'-----BEGIN CERTIFICATE-----'*) begun=$((begun + 1)) ;;
		'-----END '*) ended=$((ended + 1)) ;;
		esac
	done 2>/dev/null <"$dir/combined.pem" || return 1
	[ "$keys" -eq 1 ] && [ "$begun" -ge 2 ] && [ "$begun" -eq "$ended" ]
}

# listens says whether HUP leaves a process running: it catches, blocks or ignores
# it. A broker that is only just starting, and a shell around one, would end by it.
listens() {
	while read -r key mask; do
		case $key in
		SigBlk: | SigIgn: | SigCgt:)
			case $mask in
			*[13579bdfBDF]) return 0 ;;
			esac
			;;
		esac
	done 2>/dev/null <"/proc/$1/status"
	return 1
}

# watch tells the broker, process $1, of every change since $2.
watch() {
	known=$2
	told=''
	while :; do
		# Not in the foreground, or the shell would wait for its end before it heeds
		# TERM; without our output, which somebody may be waiting for the end of.
		sleep "$poll" >/dev/null 2>&1 &
		sleeper=$!
		wait "$sleeper"
		now=$(state)
		[ "$now" != "$known" ] || continue
		if ! whole; then
			[ "$told" = "$now" ] || say "$dir/combined.pem is not whole; the broker keeps what it has"
			told=$now
			continue
		fi
		# What changed while we looked is looked at again.
		[ "$now" = "$(state)" ] || continue
		if ! listens "$1"; then
			[ "$told" = "$now" ] || say "process $1 would end by the signal; waiting until it listens. Start the broker itself here, not a script around it"
			told=$now
			continue
		fi
		if kill -HUP "$1" 2>/dev/null; then
			known=$now
			say "the certificate has changed; the broker reads it anew"
		fi
	done
}

# pass hands a signal on, at once or as soon as there is a broker.
broker=''
passed=''
# shellcheck disable=SC2317
pass() {
	passed=$1
	[ -z "$broker" ] || kill "-$1" "$broker" 2>/dev/null
}
for signal in TERM INT QUIT HUP USR1 USR2; do
	# shellcheck disable=SC2064
	trap "pass $signal" "$signal"
done

# What the broker reads at its start may be newer than this, never older.
first=$(state)
"$@" &
broker=$!
[ -z "$passed" ] || kill "-$passed" "$broker" 2>/dev/null

(
	trap 'kill "$sleeper" 2>/dev/null; exit 0' TERM
	trap '' INT QUIT HUP
	sleeper=''
	watch "$broker" "$first"
) &
watcher=$!

# A signal ends a wait early; the broker's own code comes with the last one.
wait "$broker"
code=$?
while kill -0 "$broker" 2>/dev/null; do
	wait "$broker"
	code=$?
done
if [ -n "$passed" ]; then
	wait "$broker" 2>/dev/null
	again=$?
	[ "$again" -eq 127 ] || code=$again
fi
kill "$watcher" 2>/dev/null
wait "$watcher" 2>/dev/null
exit "$code"
