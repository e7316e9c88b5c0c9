#!/usr/bin/env bash
# The service held to its OpenAPI document, and called through a client generated from it; `make openapi` runs it.
# BIN: where python of the project is; TOOLS: where schemathesis and openapi-python-client are.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
client=$(realpath -s "$TOOLS")/openapi-python-client
port=${PORT:-8799}
OMP_NUM_THREADS=1 "$BIN/python" -m replycheck_api --port "$port" --log-level warning --max-chars 2000 --max-batch 5 &
service=$!
trap 'kill $service; rm -rf "$work"' EXIT
for _ in $(seq 300); do curl -sf "http://127.0.0.1:$port/readyz" > /dev/null && break; sleep 0.2; done

# Every call with what the document allows and what it does not: no fault of ours, no status or form it does not name.
PYTHONPATH=tests SCHEMATHESIS_HOOKS=openapi_hooks "$TOOLS/schemathesis" run "http://127.0.0.1:$port/openapi.json" --url "http://127.0.0.1:$port" \
    --max-examples "${EXAMPLES:-60}" --seed 1 --workers 1 --generation-database none \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance

# A client made from the document, in a folder of its own.
curl -sf "http://127.0.0.1:$port/openapi.json" > "$work/openapi.json"
(cd "$work" && "$client" generate --path openapi.json --output-path client --meta none)
PYTHONPATH="$work" "$TOOLS/python" - "$port" <<'PY'
import sys
from client import Client
from client.api.judging import check_v1_check_post as check
from client.models import CheckRequest, VerdictOut

with Client(base_url=f"http://127.0.0.1:{sys.argv[1]}") as client:
    verdict = check.sync(client=client, body=CheckRequest(reply="Please fill in the feedback form on our website."))
    assert isinstance(verdict, VerdictOut), verdict
    print("generated client:", verdict.label, [s.move for s in verdict.sentences])
PY
