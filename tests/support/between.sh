#!/bin/bash
# between.sh: one HTTP request of a host, on standard input and output, by somebody between it and the
# server at $BETWEEN_URL. From the folder $BETWEEN_DIR:
#
#   ticket.jq      what becomes of the answer that has the ticket
#   ticket-host    exists: the ticket is for another host, with this one's nonce
#   HEX            instead of the blob of that digest
#   HEX.sh         a program whose output is the rest of the answer; also facts.sh, ticket.sh
set -u
dir=$BETWEEN_DIR url=$BETWEEN_URL
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
read -r method path _
length=0 bearer=
while IFS=$': \t' read -r name value && name=${name%$'\r'} && [ -n "$name" ]; do
	value=${value%$'\r'}
	case ${name,,} in
	content-length) length=$value ;;
	authorization) bearer=${value#Bearer } ;;
	esac
done
head -c "$length" >"$work/body"

head_line() { printf 'HTTP/1.1 %s\r\nConnection: close\r\n' "$1"; }
whole() { # STATUS FILE
	head_line "$1 x"
	[ "$1" = 204 ] || printf 'Content-Length: %s\r\n' "$(stat -c %s "$2")"
	printf '\r\n'
	cat "$2"
}
ask() { # PATH BODY BEARER: $work/answer; says the status
	curl -s -o "$work/answer" -w '%{http_code}' -H 'Content-Type: application/json' \
		${3:+-H "Authorization: Bearer $3"} --data-binary "@$2" "$url$1"
}
of_another_host() { # with the nonce of this one
	printf '{"agent":"0","serial":"OTHER42","nics":[{"name":"eth0","mac":"52:54:00:00:00:02"}]}' >"$work/facts"
	ask /v1/agent/facts "$work/facts" '' >"$work/status"
	ask /v1/agent/ticket "$work/body" "$(jq -r .session "$work/answer")"
}

program=$dir/${path##*/}.sh
if [ -e "$program" ]; then
	head_line '200 OK'
	printf '\r\n'
	bash "$program"
elif [ "$method" = GET ]; then
	if [ ! -e "$dir/${path##*/}" ]; then
		curl -s -o "$dir/${path##*/}" "$url$path"
	fi
	whole 200 "$dir/${path##*/}"
else
	if [ "$path" = /v1/agent/ticket ] && [ -e "$dir/ticket-host" ]; then
		status=$(of_another_host)
	else
		status=$(ask "$path" "$work/body" "$bearer")
	fi
	touch "$work/answer"
	if [ "$path" = /v1/agent/ticket ] && [ -e "$dir/ticket.jq" ] && [ "$status" = 200 ]; then
		jq -c -f "$dir/ticket.jq" "$work/answer" >"$work/changed" && mv "$work/changed" "$work/answer"
	fi
	whole "$status" "$work/answer"
fi
