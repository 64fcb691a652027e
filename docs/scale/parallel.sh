#!/bin/sh
# parallel.sh accounts.toml 8
# Eight shares side by side, each tried twice, then one report of all.
set -u
manifest=$1
shares=$2
seq "$shares" | parallel --retries 2 --jobs "$shares" exodus batch run "$manifest" --shard "{}/$shares" --jobs 1 --quiet
exec exodus batch merge-reports "${manifest%.*}.state"/report-*of"$shares".json --report "${manifest%.*}.state/report.json"
