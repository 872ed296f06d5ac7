#!/bin/sh
# A recipe's chat in a terminal, by hand: TOKEN=… sh chat.sh [RECIPE] [URL]
now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
auth='{"type":"auth","id":"'auth_$$_$now'","timestamp":"'$now'","payload":{"token":"'$TOKEN'"}}'
chat='{"type":"chat_message","id":"m1","timestamp":"'$now'","payload":{"content":"Scale to 8 servings"}}'
wscat --subprotocol recipe-chat.v2 --connect "${2:-ws://127.0.0.1:8080}/v1/chat/${1:-soup}" \
  --execute "$auth" --execute "$chat" --wait "${WAIT:--1}"
