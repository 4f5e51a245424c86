#!/bin/sh
# An agent in plain shell: it tells the SHA-256 of files.
#
# Start it:  PLANEXE_KEY=$(cat .data/user_key) FILES_DIR=/some/folder sh examples/shell_agent.sh
#
# Needed: sh, curl, sha256sum, and python3 to read and write JSON; jq is on fewer machines. Shell
# alone must not do that: what stands in a plan was written by others, quotes included.
set -u

URL=${PLANEXE_URL:-http://127.0.0.1:8000}
AGENT=${AGENT_ID:-checksummer}
FILES=${FILES_DIR:-.}
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
# A lease that is held comes again to the next poll of this agent: it does one task at a time.
trap 'kill $! 2>/dev/null; exit 0' TERM INT

# get KEY...: a value out of the JSON on stdin; empty where it is not there.
get() {
  python3 -c '
import json, sys
found = json.load(sys.stdin)
for key in sys.argv[1:]:
    found = (found or {}).get(key)
print("" if found is None else found)' "$@"
}

# object NAME VALUE...: a JSON object of texts.
object() {
  python3 -c '
import json, sys
words = sys.argv[1:]
print(json.dumps(dict(zip(words[::2], words[1::2]))))' "$@"
}

# send METHOD PATH [BODY]: the same request until it is answered. Sets $status.
# curl runs in the background, since a shell hears signals only between commands and in `wait`.
send() {
  pause=1
  while :; do
    curl -sS -m 70 -X "$1" "$URL$2" -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' \
      ${3:+-d "$3"} -o "$WORK/answer" -w '%{http_code}' >"$WORK/status" &
    wait $!
    status=$(cat "$WORK/status")
    case $status in
      000 | 429 | 5??) sleep "$pause" & wait $!; [ "$pause" -ge 32 ] || pause=$((pause * 2)) ;;
      *) return ;;
    esac
  done
}

# of KEY...: a value of the last answer.
of() { get "$@" <"$WORK/answer"; }

# A user key registers the agent, or takes another key where it exists; an agent's key just polls.
register() {
  KEY=$PLANEXE_KEY
  send POST /api/agents "{\"agent_id\": \"$AGENT\", \"name\": \"Checksummer\",
    \"capabilities\": [{\"action\": \"checksum\", \"params\": [\"file\"]}]}"
  [ "$status" = 409 ] && send POST "/api/agents/$AGENT/keys"
  case $status in
    201) KEY=$(of api_key) ;;
    403) ;;
    *) echo "not accepted: $status $(cat "$WORK/answer")" >&2; exit 1 ;;
  esac
}

# report TYPE NAME VALUE...: tell how the subtask ended. The event_id is the lease's own, so a
# repeat counts once.
report() {
  type=$1
  shift
  body=$(object event_type "$type" task_id "$task" lease_token "$token" \
    event_id "$execution:$task:$token" "$@")
  send POST "/api/executions/$execution/events" "$body"
  echo "$task: $type ($status)"
  # 409: the lease or the execution is gone, and the result with it. Otherwise this lease would
  # come again at once, to be refused again.
  case $status in 201 | 409) ;; *) cat "$WORK/answer" >&2; exit 1 ;; esac
}

perform() {
  case $file in
    '' | /* | *..*) report task_error error_type validation_error error_message "No file of mine: $file" ;;
    *)
      if sum=$(cd "$FILES" && sha256sum -- "$file" 2>&1); then
        report task_complete output_data "${sum%% *}"
      else
        report task_error error_type permanent error_message "$sum"
      fi
      ;;
  esac
}

register
echo "$AGENT waits for work"
while :; do
  send GET "/api/agents/$AGENT/work?wait=50"
  case $status in
    204) ;;
    200)
      execution=$(of execution_id)
      task=$(of next_task task_id)
      token=$(of next_task lease_token)
      file=$(of next_task params file)
      perform
      ;;
    *) echo "no work: $status $(cat "$WORK/answer")" >&2; exit 1 ;;
  esac
done
