#!/bin/sh
# A recipe's chat in a terminal, by hand: TOKEN=… sh chat.sh [RECIPE] [URL]
now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
fresh() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }
auth='{"type":"auth","id":"'$(fresh)'","timestamp":"'$now'","payload":{"token":"'$TOKEN'"}}'
chat='{"type":"chat_message","id":"'$(fresh)'","timestamp":"'$now'","payload":{"content":"Scale to 8 servings"}}'
wscat --subprotocol recipe-chat.v2 --connect "${2:-ws://127.0.0.1:8080}/v1/chat/${1:-soup}" \
  --execute "$auth" --execute "$chat" --wait "${WAIT:--1}"
